"""The simulated worlds notice mistakes: each is made on purpose, and some world breaks a promise."""

from itertools import chain

import pytest

from tests.simulation.happenings import live
from tests.simulation.mutations import MUTATIONS, believe_every_refusal, noticed_by
from tests.simulation.scripts import MISTAKES
from tests.simulation.truth import BrokenPromise

# The first world that notices. If worlds change, so do these numbers: then the next one is looked for.
NOTICED_BY = {
    "commit_before_all_is_recorded": 2,
    "commit_before_stage": 2,
    "commit_before_fence": 2,
    "change_parts_under_the_marker": 2,
    "delete_without_fencing": 160,
    "leave_an_unfinished_commit": 185,
    "no_etag_on_the_claim": 4,
    "swallow_refused_commits": 1651,
    "list_without_the_hash": 0,
    "adopt_instead_of_replacing": 1,
    "replace_by_less": 1,
    "count_landing_blobs": 19,
    "look_under_present_names_only": 10,
    "delete_markers_without_fencing": 160,
    "do_not_compare_slices": 1,
    "keep_false_hits": 1,
    "count_left_out_keys": 18,
    "do_not_compare_late_rows": 13,
    "never_check_for_late_data": 2,
    "pass_over_hours_under_way": 8,
    "count_what_others_wrote": 1,
    "a_lease_for_ever": 0,
}
WORLDS_MAX = 2000


def test_every_mistake_is_noticed() -> None:
    """By a world of chance, or by a script where several things have to come in just one order."""
    assert NOTICED_BY.keys() | MISTAKES.keys() == MUTATIONS.keys()
    assert NOTICED_BY.keys().isdisjoint(MISTAKES)


# Its script takes as long as all others together.
LONG = frozenset({"forget_what_was_left_out_at_once"})


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=pytest.mark.slow if each in LONG else ()) for each in MISTAKES]
)
def test_its_script_notices(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is promised holds in the script, and does not with the mistake."""
    MISTAKES[name]()
    MUTATIONS[name](monkeypatch)
    with pytest.raises(BrokenPromise):
        MISTAKES[name]()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NOTICED_BY)
def test_some_world_notices(name: str) -> None:
    """What is promised does not hold any more, in a world in which it does without the mistake."""
    assert noticed_by(MUTATIONS[name], chain([NOTICED_BY[name]], range(WORLDS_MAX))) is not None


@pytest.mark.slow
def test_to_believe_a_refusal_costs_time_and_no_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost answer looks like a lost race: a trap for who counts on the answer, and nothing here does."""
    believe_every_refusal(monkeypatch)
    for seed in range(50):
        live(seed)
