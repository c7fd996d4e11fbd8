"""Worlds told step by step: scripts, without chance.

``MISTAKES`` are scripts for mistakes that hardly any world of chance notices, because several things have to
come in just one order.
"""

from collections.abc import Callable
from random import Random

import pytest

from exporter.backfill.lifecycle import cancel
from exporter.domain.file_names import NameStyle
from exporter.domain.hour_record import HourTask
from exporter.export import sliced
from exporter.schedule import planner
from tests.simulation import happenings
from tests.simulation.actors import WRITES, Actor, Verdict
from tests.simulation.life import FIRST, LAST, Life, Message, Queue
from tests.simulation.truth import BrokenPromise
from tests.support.worlds import EVENTS, MERGED_IDS

# More writes than any attempt of these scripts makes.
WRITES_MAX = 80


class Script(Life):
    """A world without chance. ``strike`` says what becomes of which write, counted from when it is set."""

    def __init__(self, *, merged_ids: bool = False) -> None:
        super().__init__(Random(0), trouble=0.0, large=0.0)  # noqa: S311  chance that can be repeated
        self.strike: tuple[int, Verdict] | None = None
        self.writes = 0
        if merged_ids:
            happenings.merged_ids(self)

    def strike_at(self, number: int, verdict: Verdict) -> None:
        """Let the write of that number, from now on, come to grief."""
        self.strike, self.writes = (number, verdict), 0

    def _turn(self, actor: Actor) -> None:
        if actor.wants.rpartition(".")[2] in WRITES and self.strike is not None:
            self.writes += 1
            if self.writes == self.strike[0]:
                self.let(actor, self.strike[1])
                return
        super()._turn(actor)

    @property
    def struck(self) -> bool:
        """Whether it came to that."""
        return self.strike is not None and self.writes >= self.strike[0]

    def go_to(self, actor: Actor, wants: str, about: str = "") -> None:
        """Let a worker go on until it wants to make that call."""
        while not (actor.over or (actor.wants == wants and about in actor.about)):
            self.let(actor)
        assert not actor.over, f"{actor.name} never wants {wants} {about}"

    def next_worker(self, wants: str, about: str = "") -> Actor:
        """Let messages be delivered until some worker is about to make that call, and return it."""
        for _ in range(WRITES_MAX):
            actor = self.deliver()
            while actor is not None and not actor.over:
                if actor.wants == wants and about in actor.about:
                    return actor
                self.let(actor)
            if actor is None:
                self.pass_time(30)
        raise AssertionError(f"no worker wants {wants} {about}")

    def landed(self, *numbers: int, large: bool = False, malformed: int = 0) -> str:
        """Land a blob of events in the hour of its rows."""
        hour = FIRST if not numbers or numbers[0] < 200 else LAST
        return self.land_blob(EVENTS, hour, numbers, large=large, malformed=malformed)

    def landed_in_order(self, *blobs: tuple[int, ...]) -> None:
        """Land large blobs, each of which becomes a slice: the first of them the first one."""
        for position, numbers in enumerate(blobs):
            self.land_blob(EVENTS, FIRST, numbers, large=True, first=position)

    def work_on_slice(self, position: int) -> None:
        """Have one slice staged of those that are queued, counted from 0 in their order."""
        while not (queued := self._queued_slices()):
            assert self.deliver() is not None, "no hour is cut into slices"
            self.finish_workers()
        self.hand_out(*queued[position])
        self.finish_workers()

    def _queued_slices(self) -> list[tuple[Queue, Message]]:
        found = sorted(
            (
                (message.what.slice_ref.number, queue, message)
                for queue in self.queues
                for message in queue.messages
                if isinstance(message.what, HourTask) and message.what.slice_ref is not None
            ),
            key=lambda each: each[0],
        )
        return [(queue, message) for _, queue, message in found]

    def merged(self, *numbers: int) -> str:
        """Land a blob of merged ids in the hour of its rows."""
        return self.land_blob(MERGED_IDS, FIRST if numbers[0] < 200 else LAST, numbers)


def each_strike(begin: Callable[[], Script], verdict: Verdict, go_on: Callable[[Script], None]) -> None:
    """Begin a world again and again, strike at each of the next writes in turn, and go on to the end."""
    broken: list[str] = []
    number = 0
    for number in range(1, WRITES_MAX):
        life = begin()
        life.strike_at(number, verdict)
        struck = True
        try:
            life.pass_busily(0.01)
            struck, life.strike = life.struck, None
            go_on(life)
            life.end()
        except BrokenPromise as promise:
            broken.append(f"{number}: {promise}")
        if not struck:
            break
    assert number < WRITES_MAX - 1, "the writes have no end"
    assert not broken, f"{len(broken)} of {number - 1} strikes break a promise: {broken[:3]}"


def there_and_back() -> None:
    """Let an attempt sleep before its commit, while the hour goes to another container and comes back.

    When it comes back its files have other names: what the sleeper may still commit has to be known by then.
    """
    life = Script()
    life.landed(101, 102)
    life.tick()
    life.finish_workers()
    sleeper = life.next_worker("container.commit", life.naming(EVENTS).part(FIRST, 1))
    life.freeze(sleeper)
    life.edit(container="raw2")
    life.pass_busily(0.2)
    life.edit(container="raw", name_style=NameStyle.SAFE)
    life.ask((FIRST, FIRST))
    life.pass_busily(0.2)
    life.wake()
    life.finish_workers()
    life.end()


def a_note_for_whoever_comes_next() -> None:
    """Let a tick see to the note of a done hour that a backfill is about to take again.

    The backfill's worker dies halfway, and the backfill is cancelled: only the note brings the hour back at
    once. The daily review would, too, but later; so that it hides no mistake, there is none here.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planner, "chosen_for_review", lambda *_arguments: ())
        life = Script()
        life.landed(101, 102)
        life.pass_busily(4)
        life.edit(name_style=NameStyle.SAFE)
        asked = life.ask((FIRST, FIRST))
        worker = life.next_worker("ledger.put")
        life.workers.remove(worker)
        life.tick()
        life.finish_workers()
        life.workers.append(worker)
        while not worker.over and worker.wants != "container.commit":
            life.let(worker)
        if not worker.over:
            life.let(worker, Verdict.DIES)
        cancel(life.gateways, "acme", asked or "", now=life.now)
        life.lose_messages()
        life.end()


def more_keys_than_one_may_hold() -> None:
    """Let a slice know fewer keys of those before it when it is staged again, as there are more by then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sliced, "KEYS_BEFORE_MAX", 3)
        life = Script()
        life.landed_in_order((101, 102, 103, 105, 106), (104,), (101, 104))
        life.tick()
        life.finish_workers()
        for position in (1, 1, 0):
            life.work_on_slice(position)
        life.end()


MISTAKES: dict[str, Callable[[], None]] = {
    "forget_doubts": there_and_back,
    "do_not_note_what_is_taken_again": a_note_for_whoever_comes_next,
    "forget_a_note_whoever_took_the_hour": a_note_for_whoever_comes_next,
    "forget_what_was_left_out_at_once": more_keys_than_one_may_hold,
}
