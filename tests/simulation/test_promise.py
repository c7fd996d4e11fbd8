"""What is promised holds in many worlds, whatever goes wrong in them: see ``tests/simulation/life.py``."""

from collections import Counter
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.simulation.happenings import HAPPENINGS, STAGE, happen, live
from tests.simulation.life import Life
from tests.simulation.mutations import seem_to_know_many_keys
from tests.support.machines import worlds

WORLDS = 200
STEPS = 30
WORLDS_MORE = 10_000
SEEMING_WORLDS = 6
# Of so many worlds, each kind of event comes about in a tenth.
COUNTED = 250
MIDST = [each for each in HAPPENINGS if each not in STAGE]
chance = st.integers(0, 2**32 - 1)


class Worlds(RuleBasedStateMachine):
    """A world in which something happens, and then something else; a seed says how its workers fare."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life(Random(0), trouble=0.0)  # noqa: S311  chance that can be repeated

    @initialize(seed=chance, stage=st.lists(st.sampled_from(sorted(STAGE)), unique=True, max_size=3))
    def the_stage_is_set(self, seed: int, stage: list[str]) -> None:
        """Choose what kind of world it is; something has landed."""
        self.life.random.seed(seed)
        for kind in stage:
            happen(self.life, kind)
        self.life.land()

    @rule(seed=chance, turns=st.sampled_from([5, 20, 80]), trouble=st.sampled_from([0.0, 0.02, 0.15]))
    def workers_work(self, seed: int, turns: int, trouble: float) -> None:
        """Let workers go on; some of them die."""
        self.life.random.seed(seed)
        self.life.trouble = self.life.sleepy = trouble
        self.life.work(turns)

    @rule(seed=chance, large=st.booleans())
    def a_blob_lands(self, seed: int, large: bool) -> None:  # noqa: FBT001  hypothesis's way
        """In time or late, with rows that are in others, too."""
        self.life.random.seed(seed)
        self.life.large = float(large)
        self.life.land()

    @rule()
    def the_timer_comes(self) -> None:
        """As every five minutes."""
        self.life.tick()

    @rule(seed=chance)
    def a_person_requests_a_backfill(self, seed: int) -> None:
        """Of both hours, or of one."""
        self.life.random.seed(seed)
        self.life.ask()

    @precondition(lambda self: self.life.asked)
    @rule(seed=chance)
    def a_person_changes_a_backfill(self, seed: int) -> None:
        """Cancel one, or have it tried again."""
        self.life.random.seed(seed)
        self.life.change()

    @rule(seconds=st.sampled_from([30, 100, 300, 1000]))
    def time_passes(self, seconds: int) -> None:
        """Leases run out while their holders sleep."""
        self.life.pass_time(seconds)

    @rule(seed=chance, on=st.booleans())
    def the_storage_refuses(self, seed: int, on: bool) -> None:  # noqa: FBT001  hypothesis's way
        """Or does not any more."""
        self.life.random.seed(seed)
        self.life.refuse(on=on)

    @rule(seed=chance, kind=st.sampled_from(MIDST))
    def something_happens(self, seed: int, kind: str) -> None:
        """Anything that may, if it can just now."""
        self.life.random.seed(seed)
        happen(self.life, kind)

    @invariant()
    def a_reader_sees_nothing_wrong(self) -> None:
        """No row twice, and no marker that is not true; looked at after each write, too."""
        self.life.look()

    def teardown(self) -> None:
        """When all trouble is over, every row is there once."""
        self.life.random.seed(0)
        self.life.end()


def test_in_hundreds_of_worlds_every_row_is_there_once() -> None:
    """And at no moment twice."""
    worlds(Worlds, WORLDS, STEPS)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_in_thousands_of_worlds_every_row_is_there_once() -> None:
    """The same for a long time: half of the worlds are hypothesis's, half are told by seeds."""
    worlds(Worlds, WORLDS_MORE // 2, STEPS)
    for seed in range(WORLDS_MORE // 2):
        live(seed)


@pytest.mark.parametrize("seed", range(SEEMING_WORLDS))
def test_rows_that_seem_to_be_there_already_are_there_once(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slices leave out too much at first, and that is found whatever goes wrong besides."""
    seem_to_know_many_keys(monkeypatch)
    live(seed)


@pytest.mark.slow
def test_each_kind_of_event_comes_about_in_a_tenth_of_all_worlds() -> None:
    """What never happens is not tested, whatever the number of worlds."""
    happened: Counter[str] = Counter()
    for seed in range(COUNTED):
        happened.update(live(seed).happened)
    rare = {kind: happened[kind] for kind in HAPPENINGS if happened[kind] < COUNTED / 10}
    assert not rare, f"too seldom in {COUNTED} worlds: {rare}"


def test_a_seed_tells_a_whole_life() -> None:
    """So what goes wrong can be looked at again."""
    assert live(1234).digest() == live(1234).digest() != live(1235).digest()
