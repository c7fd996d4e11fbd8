"""What is promised of sources holds in many worlds, and mistakes that are made on purpose are noticed."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from exporter.domain.pulls import FolderTurn, PulledHour, StoredAnswer
from exporter.domain.versioned import Versioned
from exporter.sources import unpack
from exporter.sources.lease import Slot
from tests.simulation.pull_life import BrokenPullError, live_pulling

WORLDS = 40
WORLDS_MORE = 3000
type Mutation = Callable[[pytest.MonkeyPatch], None]


def take_turns_from_others(patch: pytest.MonkeyPatch) -> None:
    """Land rows in a folder while another answer is being landed there."""

    def take(folder: unpack._Folder) -> tuple[Versioned[FolderTurn], bool]:
        turn = FolderTurn(folder._unpacking.source.project_id, folder._hour, folder._unpacking.name)
        return Versioned(turn, "none"), False

    patch.setattr(unpack._Folder, "_take_turn", take)


def trust_the_tables(patch: pytest.MonkeyPatch) -> None:
    """Do not look at what the folder holds."""
    real = unpack._Folder._compared
    patch.setattr(unpack._Folder, "_compared", lambda folder, _present, *rounds: real(folder, [], *rounds))


def ask_without_a_slot(patch: pytest.MonkeyPatch) -> None:
    """Ask the API however many others do."""
    patch.setattr(Slot, "take", lambda _slot, _slots_max: True)


def settle_what_is_asked_for(patch: pytest.MonkeyPatch) -> None:
    """Close an hour as soon as its answer is there."""
    real = PulledHour.answered

    def answered(record: PulledHour, answer: StoredAnswer) -> PulledHour:
        return replace(real(record, answer), closed_at=answer.asked_at, asked_at=answer.asked_at)

    patch.setattr(PulledHour, "answered", answered)


# The first world that notices, and what it says.
NOTICED_BY: dict[str, tuple[Mutation, int]] = {
    "take_turns_from_others": (take_turns_from_others, 60),
    "trust_the_tables": (trust_the_tables, 0),
    "ask_without_a_slot": (ask_without_a_slot, 248),
    "settle_what_is_asked_for": (settle_what_is_asked_for, 5),
}


@pytest.mark.parametrize("first", range(0, WORLDS, 10))
def test_the_promises_hold(first: int) -> None:
    """In worlds of chance: workers die, sleep and come twice, calls fail, answers are no answers."""
    for seed in range(first, first + 10):
        live_pulling(seed)


def test_every_kind_of_trouble_comes_about() -> None:
    """Else the worlds would show less than they seem to."""
    happened = Counter[str]()
    for seed in range(15):
        happened.update(live_pulling(seed).happened)

    assert len(happened) == 9, happened


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_promises_hold_in_many_more_worlds() -> None:
    """With seeds that no other test uses."""
    for seed in range(10_000, 10_000 + WORLDS_MORE):
        live_pulling(seed)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("mutation", "seed"), NOTICED_BY.values(), ids=NOTICED_BY)
def test_some_world_notices(mutation: Mutation, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is promised does not hold any more, in a world in which it does without the mistake."""
    live_pulling(seed)
    mutation(monkeypatch)
    with pytest.raises(BrokenPullError):
        live_pulling(seed)
