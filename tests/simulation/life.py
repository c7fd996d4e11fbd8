"""A world that lives: workers, ticks and backfills at work at the same time, and everything that goes wrong.

What happens is drawn from one source of chance, so that a seed tells all of it. At every write that a reader
of the container may see the result of, it is looked whether he sees a row twice or a marker that is not true;
at the end, when all trouble is over, whether he finds every row once and every hour with its marker.
"""

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

from exporter.actions.ask_for_backfill import Asked, ask, cancel, retry
from exporter.actions.attempt import Worker
from exporter.actions.backfill_progress import progress_of
from exporter.actions.export_hour import export_hour
from exporter.actions.list_hours import View
from exporter.actions.plan_owed_hours import plan_owed_hours
from exporter.actions.ports import Gateways, HourQueue
from exporter.actions.record_poison import record_poison
from exporter.actions.run_backfill import send_again, take_step
from exporter.domain.backfills import Backfill, BackfillStep
from exporter.domain.errors import Conflict, ExportError, Fault
from exporter.domain.hours import Hour, hours_between, last_closed_hour
from exporter.domain.ledger import HourTask
from exporter.domain.streams import LandingBlob, Stream
from tests.fakes import FakeLanding, World
from tests.simulation.actors import LOCKED, Actor, Death, Turns, Verdict
from tests.worlds import EVENTS, SETTLE, a_world, acme, an_event

BEGIN = datetime(2026, 1, 31, 3, 15, tzinfo=UTC)
FIRST = Hour.parse("2026-01-31T01")
LAST = Hour.parse("2026-01-31T02")
DESTINATION = acme(org_id=None, activated_at=BEGIN - timedelta(hours=2), max_part_mib=1)
LATE_CHECKS = (timedelta(minutes=10), timedelta(minutes=40), timedelta(hours=2))
# What a landing blob says of its size, if it is large: two of them make an hour that is cut into slices.
LARGE_BYTES = 700 * 1024
# Others' files in the same container, with names made to be confused with those of the hours 1 and 2.
NEIGHBOURS = (
    "187520_2026-01-31_10#1.json.gz",
    "187520_2026-01-31_10_complete",
    "187520_2026-01-31_1#1.json.gz.bak",
    "187520_2026-01-31_2_complete_",
    "1875201_2026-01-31_1#1.json.gz",
    "x/187520_2026-01-31_1#1.json.gz",
)
POISON_COUNT = 5
WORKERS_MAX = 4
FROZEN_MAX = 4
ROUNDS_MAX = 1500
# Of all workers together, between two deliveries.
TURNS_MAX = 2000
OUTAGE = Fault("access_denied", "The container refuses us.", "Let us in.")
TROUBLE = (Verdict.FAILS, Verdict.UNANSWERED, Verdict.TWICE, Verdict.DIES, Verdict.LAST)


class BrokenPromise(AssertionError):
    """Something that was promised does not hold."""


@dataclass(eq=False)
class Message:
    """A message of some queue; it is hidden until ``ready_at``."""

    what: HourTask | BackfillStep
    ready_at: datetime
    deliveries: int = 0


@dataclass
class Queue:
    """A queue, with the turns that sending takes; a message at a time."""

    name: str
    life: "Life"
    messages: list[Message] = field(default_factory=list)

    def send(self, tasks: Iterable[HourTask] | BackfillStep, *, delay: timedelta = timedelta()) -> None:
        """Queue messages."""
        for each in [tasks] if isinstance(tasks, BackfillStep) else list(tasks):
            message = Message(each, self.life.now + delay)
            self.life.turns.call(f"{self.name}.send", partial(self.messages.append, message))

    def waiting(self) -> int:
        """Return how many there are."""
        return self.life.turns.call(f"{self.name}.waiting", lambda: len(self.messages))


class SizedLanding(FakeLanding):
    """Landing blobs that say that they are large, if their names do; then they need not be."""

    def blobs(self, stream: Stream, hour: Hour) -> Iterator[LandingBlob]:
        """Yield the hour's blobs by name."""
        for blob in super().blobs(stream, hour):
            yield replace(blob, size=LARGE_BYTES) if "large" in blob.name else blob


class Life:
    """The world, with what is at work in it.

    ``trouble`` is how likely a call is not to just work, ``sleepy`` how likely a worker is to fall asleep
    before it changes something at the customer's, ``large`` how likely a landing blob is to be a slice alone.
    """

    def __init__(
        self, random: Random, trouble: float = 0.05, *, sleepy: float | None = None, large: float = 0.5
    ) -> None:
        self.random = random
        self.large = large
        self.now = BEGIN
        self.trouble = trouble
        self.sleepy = trouble if sleepy is None else sleepy
        self.turns = Turns(self._look)
        self.world = a_world(DESTINATION, World())
        self.queues = [Queue(name, self) for name in ("hours", "backfill_hours", "backfill_steps")]
        self.hours, self.backfill_hours, self.steps = self.queues
        self.gateways = self._gateways()
        self.workers: list[Actor] = []
        self.frozen: list[Actor] = []
        self.landed: dict[Hour, set[int]] = {hour: set() for hour in hours_between(FIRST, LAST)}
        self.blobs = 0
        self.attempts = 0
        self.backfills: list[str] = []
        self.log: list[str] = []
        self.neighbours = {name: self.world.reader().set(name, name.encode()) for name in NEIGHBOURS}
        self._files: dict[str, tuple[str, list[str]]] = {}

    def _gateways(self) -> Gateways:
        world, gated = self.world, self.turns.gated
        names = ("ledger", "schedule", "standings", "destinations", "slices", "reopened", "backfills")
        rest = {name: gated(name, getattr(world, name)) for name in names}
        queue: Callable[[Queue], HourQueue] = lambda each: each  # noqa: E731  typed as what it stands for
        return replace(
            world.gateways,
            **rest,
            landing=gated("landing", SizedLanding(world.landed)),
            containers=gated("containers", world.containers),
            rejected=gated("rejected", world.gateways.rejected),
            state=gated("state", world.gateways.state),
            hours=queue(self.hours),
            backfill_hours=queue(self.backfill_hours),
            backfill_steps=self.steps,
        )

    # What happens in the world.

    def land(self, *, rows: int = 3) -> None:
        """Let a blob arrive, in time or late, with rows that may be in other blobs, too."""
        large = self.random.random() < self.large
        hour = self.random.choice(list(self.landed))
        if self.now >= hour.end + SETTLE + LATE_CHECKS[-1]:
            return
        numbers = [hour.start.hour * 100 + self.random.randrange(12) for _ in range(rows)]
        self.blobs += 1
        name = f"{self.random.randrange(9)}-{self.blobs}{'-large' if large else ''}.json"
        self.world.land(EVENTS.stream, hour, [an_event(number, hour) for number in numbers], name)
        self.landed[hour] |= set(numbers)
        self._note(f"landed {hour} {name}: {numbers}")

    def tick(self) -> None:
        """Let the timer come."""

        def body() -> None:
            plan_owed_hours(self.gateways, now=self.now, settle=SETTLE, late_checks=LATE_CHECKS)
            send_again(self.gateways, self.now)

        self._start("tick", body)

    def ask(self) -> None:
        """Ask for a backfill of both hours, or of one."""
        first, last = self.random.choice([(FIRST, LAST), (FIRST, FIRST), (LAST, LAST)])
        name = f"b{len(self.backfills) + 1}"
        asked = Asked(first.key, last.key, first, last)
        ask(self.gateways, "acme", asked, view=View(self.now, SETTLE), new_id=name)
        self.backfills.append(name)
        self._note(f"asked for {name}: {first} to {last}")

    def change(self) -> None:
        """Cancel a backfill, or have it tried again."""
        if self.backfills:
            name = self.random.choice(self.backfills)
            change = self.random.choice([cancel, retry])
            try:
                change(self.gateways, "acme", name, now=self.now)
            except ExportError:
                return
            self._note(f"{change.__name__} {name}")

    def refuse(self, *, on: bool) -> None:
        """Let the customer's storage refuse everything from now on, or nothing any more."""
        faults = self.world.reader().faults
        faults.clear()
        if on:
            action = self.random.choice(["list", "write", "delete", "read"])
            faults[action] = OUTAGE
            self._note(f"the container refuses to {action}")

    def lose_messages(self) -> None:
        """Lose everything that is queued."""
        for queue in self.queues:
            queue.messages.clear()
        self._note("messages lost")

    def lose_tables(self) -> None:
        """Lose our own tables, the destinations excepted, while nobody is at work."""
        if self.workers or self.frozen:
            return
        world = self.world
        world.ledger.forget()
        world.schedule.rows.clear()
        world.reopened.tasks.clear()
        for table in (world.slices, world.backfills):
            table.forget()
        self.backfills.clear()
        self.lose_messages()
        self._note("tables lost")

    def pass_time(self, seconds: float) -> None:
        """Let time pass, in which nobody gets anything done."""
        self.now += timedelta(seconds=seconds)

    def work(self, turns: int) -> None:
        """Let workers begin, go on, fail and die, in any order, for so many turns."""
        for _ in range(turns):
            if self.random.random() < 0.1:
                self.pass_time(self.random.choice([1, 5, 20, 20, 100]))
            if len(self.workers) < WORKERS_MAX and self.random.random() < 0.3:
                self._deliver()
            if self.workers:
                actor = self.random.choice(self.workers)
                self._turn(actor)
                self._freeze(actor)
            if self.frozen and self.random.random() < 0.02:
                self._wake()

    def _freeze(self, actor: Actor) -> None:
        """Let a worker that is about to change something at the customer's sleep, far beyond its lease.

        Meanwhile the hour may become another one: only then can the sleeper do any harm.
        """
        changes = actor.wants in {"container.commit", "container.delete", "container.put"}
        if actor.over or not changes or len(self.frozen) == FROZEN_MAX or self.random.random() >= self.sleepy:
            return
        self.workers.remove(actor)
        self.frozen.append(actor)
        self._note(f"{actor.name} sleeps before {actor.wants}")
        self.pass_time(100)
        if self.random.random() < 0.5:
            self.land()
        if self.random.random() < 0.5:
            self.ask()

    def _wake(self) -> None:
        """Let whoever sleeps longest go on."""
        actor = self.frozen.pop(0)
        self.workers.append(actor)
        self._note(f"{actor.name} is awake")

    # How it happens.

    def _start(self, name: str, body: Callable[[], None]) -> Actor:
        actor = Actor(name, body, self.turns)
        self.workers.append(actor)
        actor.go_on(Verdict.WORKS)
        self._ended(actor)
        return actor

    def _turn(self, actor: Actor) -> None:
        """Give a worker a turn, and chance a say in what becomes of it."""
        if actor.renew is not None and actor.wants not in LOCKED and self.random.random() < 0.3:
            actor.renew()
        verdict = Verdict.WORKS
        if self.random.random() < self.trouble:
            verdict = self.random.choice(TROUBLE)
        if verdict is not Verdict.WORKS or actor.wants.rpartition(".")[2] in {"commit", "delete", "put"}:
            self._note(f"{actor.name}: {actor.wants} {verdict}")
        actor.go_on(verdict)
        self._ended(actor)

    def _ended(self, actor: Actor) -> None:
        if not actor.over:
            return
        self.workers.remove(actor)
        trouble = actor.trouble
        if isinstance(trouble, ExceptionGroup):
            trouble = next((each for each in trouble.exceptions if not isinstance(each, ExportError)), None)
        if trouble is not None and not isinstance(trouble, (Death, ExportError)):
            raise trouble

    def _deliver(self) -> None:
        """Deliver some message that is ready, if there is one; now and then leave it for another, too."""
        ready = [
            (queue, message)
            for queue in self.queues
            for message in queue.messages
            if message.ready_at <= self.now
        ]
        if not ready:
            return
        queue, message = self.random.choice(ready)
        doubled = self.random.random() < self.trouble
        message.deliveries += 1
        # Hidden while it is worked on; if its worker dies, it is there again.
        message.ready_at = self.now + timedelta(seconds=0 if doubled else 60)
        self._start(f"w{self.attempts}", partial(self._work_on, queue, message))

    def _work_on(self, queue: Queue, message: Message) -> None:
        self.attempts += 1
        worker = Worker(
            clock=lambda: self.now,
            claim_id=f"claim-{self.attempts}",
            beat=self.turns.beat,
            settle=SETTLE,
            late_until=LATE_CHECKS[-1],
            redelivered=message.deliveries > 1,
        )
        try:
            if isinstance(message.what, BackfillStep):
                take_step(message.what, self.gateways, self.now, redelivered=message.deliveries > 1)
            elif message.deliveries > POISON_COUNT:
                record_poison(message.what, self.gateways, error_id="e", clock=worker.clock)
            else:
                outcome = export_hour(message.what, self.gateways, worker)
                self._note(f"{worker.claim_id} {message.what.hour} {message.what.requested_by}: {outcome}")
        except Conflict as conflict:
            self._note(f"{worker.claim_id} {conflict}")
            if isinstance(message.what, BackfillStep):
                raise
        if message in queue.messages:
            queue.messages.remove(message)

    # What is promised.

    def _look(self, what: str) -> None:
        if what.startswith("container."):
            self.look(what)

    def look(self, what: str = "something") -> None:
        """Look at the container as a reader would, after something that he may see the result of."""
        twice = [uuid for uuid, count in Counter(self._uuids()).items() if count > 1]
        if twice:
            raise BrokenPromise(f"a reader sees {twice[0]} twice after {what}")
        self._markers_are_true(what)

    def _uuids(self) -> Iterator[str]:
        committed = self.world.reader().committed
        for name, blob in committed.items():
            if name.endswith(".gz") and name not in self.neighbours:
                known = self._files.get(name)
                if known is None or known[0] != blob.etag:
                    lines = gzip.decompress(blob.body).splitlines()
                    known = self._files[name] = (blob.etag, [json.loads(line)["uuid"] for line in lines])
                yield from known[1]

    def _markers_are_true(self, what: str) -> None:
        committed = self.world.reader().committed
        for name, blob in committed.items():
            if name.endswith("_complete") and name not in self.neighbours and blob.body:
                for part in json.loads(blob.body)["parts"]:
                    there = committed.get(part["name"])
                    if there is None or there.md5 != part["md5"]:
                        raise BrokenPromise(f"{name} names {part['name']}, which is not there, after {what}")

    def end(self) -> None:
        """Let all trouble be over, and wait until nothing is left to do; then everything is as promised."""
        self.trouble = self.sleepy = 0.0
        self.refuse(on=False)
        self._note("all trouble is over")
        self._until_quiet()
        while self.frozen:
            self._wake()
        self._until_quiet()
        self._kept()

    def _until_quiet(self) -> None:
        for number in range(ROUNDS_MAX):
            for _ in range(TURNS_MAX):
                if not self.workers:
                    break
                self._turn(self.workers[0])
            else:
                raise BrokenPromise(f"{self.workers[0].name} comes to no end")
            if number % 5 == 0:
                self.tick()
                continue
            before = len(self.workers)
            self._deliver()
            if len(self.workers) == before:
                if self._quiet():
                    return
                self.pass_time(60 if any(queue.messages for queue in self.queues) else 300)
        raise BrokenPromise("the work has no end")

    def _quiet(self) -> bool:
        """Whether nothing is queued, and every hour is done and was looked at for the last time."""
        if any(queue.messages for queue in self.queues) or self.world.backfills.unfinished():
            return False
        if not all(record.done for record in self.world.ledger.between(EVENTS, FIRST, LAST)):
            return False
        progress = self.world.schedule.get(EVENTS)
        last = last_closed_hour(self.now, SETTLE + LATE_CHECKS[-1])
        return progress is not None and progress.next > last >= LAST and min(progress.late) > LAST

    def _kept(self) -> None:
        """Look whether everything that was promised was kept."""
        reader = self.world.reader()
        expected = {str(an_event(number)["uuid"]) for numbers in self.landed.values() for number in numbers}
        found = list(self._uuids())
        if sorted(found) != sorted(expected):
            lost, more = sorted(expected - set(found)), sorted(Counter(found) - Counter(list(expected)))
            raise BrokenPromise(f"lost: {lost}; too many: {more}")
        named: set[str] = set()
        for hour in hours_between(FIRST, LAST):
            marker = reader.committed.get(f"187520_{hour.date}_{hour.start.hour}_complete")
            if marker is None:
                raise BrokenPromise(f"{hour} has no marker")
            parts = json.loads(marker.body)["parts"]
            named |= {part["name"] for part in parts}
            record = self.world.ledger.get(EVENTS, hour)
            if record is None or not record.value.done:
                raise BrokenPromise(f"the ledger does not say that {hour} is done")
            counts = {record.value.rows.exported, sum(part["rows"] for part in parts), len(self.landed[hour])}
            if len(counts) > 1:
                raise BrokenPromise(f"ledger or marker count {hour} wrong: {record.value.rows}")
        files = {name for name in reader.committed if name.endswith(".gz")} - set(NEIGHBOURS)
        if files != named:
            raise BrokenPromise(f"files that no marker names, or the other way round: {files ^ named}")
        if {name: reader.etag(name) for name in NEIGHBOURS} != self.neighbours:
            raise BrokenPromise("a neighbour was changed")
        self._backfills_have_ended()

    def _backfills_have_ended(self) -> None:
        for name in self.backfills:
            backfill = self.world.backfills.get("acme", name)
            if backfill is None or not backfill.value.ended:
                raise BrokenPromise(f"the backfill {name} has not ended: {backfill}")
            progress = progress_of(self.world.gateways, backfill.value, self.now)
            if backfill.value.status == "succeeded" and (progress.left or progress.failed):
                raise BrokenPromise(f"the backfill {name} has ended too early: {progress}")
            self._has_written(backfill.value)

    def _has_written(self, backfill: Backfill) -> None:
        """Look whether all hours of a backfill were written by attempts that began after it."""
        for record in self.world.ledger.between(EVENTS, backfill.first, backfill.last):
            if backfill.status == "succeeded" and not backfill.fulfilled(record):
                raise BrokenPromise(f"the backfill {backfill.id} has succeeded without {record.hour}")

    def _note(self, what: str) -> None:
        self.log.append(f"{self.now:%H:%M:%S} {what}")

    def digest(self) -> str:
        """Return what tells two lives apart: everything that happened, in order."""
        return hashlib.sha256("\n".join(self.log).encode()).hexdigest()


def live(seed: int, trouble: float | None = None) -> Life:
    """Live a whole life that a seed tells, and return it; ``BrokenPromise`` if something was not kept."""
    random = Random(seed)  # noqa: S311  chance that can be repeated
    chosen = random.choice([0.0, 0.02, 0.05, 0.15]) if trouble is None else trouble
    life = Life(random, chosen, sleepy=random.choice([chosen, 0.1, 0.5]), large=random.choice([0, 0.5]))
    happenings: list[tuple[int, Callable[[], object]]] = [
        (6, lambda: life.work(random.choice([5, 20, 80, 200]))),
        (3, life.land),
        (4, life.tick),
        (1, life.ask),
        (1, life.change),
        (2, lambda: life.pass_time(random.choice([30, 100, 300, 1000, 2000]))),
    ]
    rare: list[tuple[int, Callable[[], object]]] = [
        (1, life.lose_messages),
        (1, life.lose_tables),
        (2, lambda: life.refuse(on=random.random() < 0.5)),
    ]
    weights, what = zip(*[(10 * weight, each) for weight, each in happenings], *rare, strict=True)
    life.land()
    for each in random.choices(what, weights, k=random.randrange(8, 60)):
        each()
    life.end()
    return life
