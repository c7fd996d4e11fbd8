"""A world that lives: workers, ticks, backfills and verifications at the same time, and all that goes wrong.

What happens is drawn from one source of chance, so that a seed tells all of it. After every write whose
result a reader may see, and in the end, when all trouble is over, what is there is held against what is
promised (``truth``). ``happenings`` are the kinds of event; this module is the world that they happen in.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from exporter.backfill import requests
from exporter.backfill.lifecycle import cancel, retry
from exporter.backfill.progress import progress_of
from exporter.backfill.requests import BackfillRequest, create
from exporter.backfill.runner import take_step
from exporter.destinations.edit import Draft, put_destination
from exporter.destinations.find import find_destination
from exporter.destinations.lifecycle import activate, delete, pause, resume
from exporter.domain.backfill import Backfill, BackfillStatus, BackfillStep
from exporter.domain.data_types import DataType
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict, ExportError, Fault
from exporter.domain.file_names import Naming
from exporter.domain.hour import Hour, last_closed_hour
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.streams import LandingBlob, Stream, StreamKey
from exporter.domain.verification import VerifyStep
from exporter.domain.versioned import UnreadableRowError
from exporter.domain.work_item import Refusal
from exporter.export.attempt import AttemptContext, Outcome
from exporter.export.export_hour import export_hour
from exporter.export.recent import Recent
from exporter.ports import Gateways
from exporter.schedule.failures import Failures
from exporter.schedule.ledger_view import AsOf
from exporter.schedule.poison import record_poison
from exporter.tick import run_tick
from exporter.verify import runner
from exporter.verify.range import repairing, span_of, verify_at_once
from tests.simulation.actors import LOCKED, Actor, Death, Turns, Verdict
from tests.simulation.truth import (
    FIRST,
    HOURS,
    LAST,
    NEIGHBOURS,
    BrokenPromise,
    Landed,
    Truth,
    hour_of,
    is_view,
)
from tests.support.fakes.blobs import FakeLanding
from tests.support.fakes.world import World
from tests.support.filters import condition, read
from tests.support.worlds import SETTLE, a_merge, a_world, acme, an_event

__all__ = ["FIRST", "HOURS", "LAST", "BrokenPromise", "Life"]

BEGIN = datetime(2026, 1, 31, 3, 15, tzinfo=UTC)
LATE_CHECKS = (timedelta(minutes=10), timedelta(minutes=40), timedelta(minutes=80), timedelta(hours=2))
# What a landing blob says of its size, if it is large: two of them make an hour that is cut into slices.
LARGE_BYTES = 700 * 1024
POISON_COUNT = 5
WORKERS_MAX = 4
FROZEN_MAX = 4
ROUNDS_MAX = 4000
# Backfills that are requested while workers sleep: more would make a world longer, and no different.
ASKED_MAX = 8
# Of all workers together, between two deliveries.
TURNS_MAX = 2000
# How long a message is hidden while it is worked on: by the host, which renews that for living workers only.
HOST_LEASE = timedelta(minutes=10)
# And after its function has raised.
HOST_RETRY = timedelta(seconds=30)
# The same in most worlds, so that more happens in a short life.
SHORT = timedelta(seconds=60)
TICK_EVERY = timedelta(minutes=5)
# When nothing has been delivered for so long, ticks are looked at seldom: only the daily ones matter still.
IDLE = timedelta(hours=2)
SELDOM = timedelta(hours=3)
# After all trouble is over, all that is owed is there within a day: landing is looked through once a day.
PATIENCE = timedelta(hours=30)
# How often one backfill may export one hour, once all trouble is over.
EXPORTS_MAX = 3
OUTAGE = Fault("access_denied", "The container refuses us.", "Let us in.")
OTHER = "other"
THEIRS = "theirs"
PURCHASES = read(condition("event_type", "is", "purchase"))
TROUBLE = (Verdict.FAILS, Verdict.UNANSWERED, Verdict.TWICE, Verdict.DIES, Verdict.LAST)
CONTAINER_WRITES = frozenset(
    {"container.commit", "container.delete", "container.put", "container.empty", "container.refresh"}
)
# What fails together: our tables, our blobs, our queues, the customer's storage.
SERVICES = {
    "tables": frozenset(
        {"ledger", "schedule", "breakers", "slices", "reopened", "backfills", "verifications"}
    ),
    "blobs": frozenset({"landing", "state", "rejected"}),
    "queues": frozenset({"hours", "backfill_hours", "backfill_steps", "verify_steps"}),
    "customer": frozenset({"container", "containers", "upload"}),
}
# What the end of a failed backfill's hour may name: troubles of these worlds, and no others.
HOUR_CODES = frozenset({"access_denied", "internal_error", "landing_incomplete", "keeps_failing_in_passing"})

type What = HourTask | BackfillStep | VerifyStep


@dataclass(eq=False)
class Message:
    """A message of some queue; it is hidden until ``ready_at``."""

    what: What
    sent_at: datetime
    ready_at: datetime
    deliveries: int = 0

    @property
    def destination_id(self) -> str:
        """Whose it is."""
        return self.what.key.destination_id if isinstance(self.what, HourTask) else self.what.destination_id


@dataclass
class Queue:
    """A queue, with the turns that sending takes; a message at a time."""

    name: str
    life: "Life"
    messages: list[Message] = field(default_factory=list)

    def send(self, messages: Iterable[What], *, delay: timedelta = timedelta()) -> None:
        """Queue messages."""
        for each in messages:
            message = Message(each, self.life.now, self.life.now + delay)
            self.life.turns.call(f"{self.name}.send", partial(self.messages.append, message))

    def waiting(self) -> int:
        """Return how many there are."""
        return self.life.turns.call(f"{self.name}.waiting", lambda: len(self.messages))

    def oldest(self) -> datetime | None:
        """Return when the oldest of those was sent that could be delivered now."""

        def look() -> datetime | None:
            ready = [message for message in self.messages if message.ready_at <= self.life.now]
            return min((message.sent_at for message in ready), default=None)

        return self.life.turns.call(f"{self.name}.oldest", look)


class SizedLanding(FakeLanding):
    """Landing blobs that say that they are large, if their names do; then they need not be."""

    def listed(self, blob: LandingBlob) -> LandingBlob:
        """Return a blob with the size that its name claims."""
        return replace(blob, size=LARGE_BYTES) if "large" in blob.name else blob


class Life:
    """The world, with what is at work in it.

    ``trouble`` is how likely a call is not to just work, ``sleepy`` how likely a worker is to fall asleep
    before it changes something, ``large`` how likely a landing blob is to be a slice alone.
    """

    def __init__(
        self, random: Random, trouble: float = 0.05, *, sleepy: float | None = None, large: float = 0.5
    ) -> None:
        self.random = random
        self.large = large
        self.now = BEGIN
        self.trouble = trouble
        self.sleepy = trouble if sleepy is None else sleepy
        self.turns = Turns(self._written)
        self.world = a_world(
            acme(org_id=None, activated_at=BEGIN - timedelta(hours=2), max_part_mib=1), World()
        )
        self.hours, self.backfill_hours, self.steps, self.verify_steps = self.queues = [
            Queue(name, self) for name in ("hours", "backfill_hours", "backfill_steps", "verify_steps")
        ]
        self.gateways = self._gateways()
        self.truth = Truth(self.world, {"acme": ["raw"]})
        self.truth.neighbours = {name: self.world.reader().set(name, name.encode()) for name in NEIGHBOURS}
        self.workers: list[Actor] = []
        self.frozen: list[Actor] = []
        self.attempts = 0
        # Of two processes. Their threads take turns, so none may wait for another.
        self.recent = [Recent(waits=False), Recent(waits=False)]
        self.blobs = 0
        self.merges = 0
        self.asked: dict[str, datetime] = {}
        self.unfiltered_since: dict[str, int] = {}
        self.exports: dict[tuple[str, StreamKey, Hour], int] = {}
        # Refusals of hours that stayed in a former container then: whose, in which round, and of which hour.
        self.stayed: set[tuple[str, int, StreamKey, Hour]] = set()
        self.happened: set[str] = set()
        self.log: list[str] = []
        # What kind of world it is; ``happenings`` change these.
        self.malformed = False
        self.late_malformed: tuple[StreamKey, Hour, str] | None = None
        self.skew = 0.0
        self.lease = self.retry_after = SHORT
        self.sleeps_anywhere = False
        self.silent: set[tuple[Stream, Hour]] = set()
        self.down: dict[str, int] = {}
        self.troubled: set[str] = set()
        self.calm = False
        self._records: dict[tuple[StreamKey, Hour], HourRecord] = {}

    def _gateways(self) -> Gateways:
        world, gated = self.world, self.turns.gated
        tables = (*SERVICES["tables"], "destinations")
        rest: dict[str, Any] = {name: gated(name, getattr(world, name)) for name in sorted(tables)}
        queues: dict[str, Any] = {queue.name: queue for queue in self.queues}
        return replace(
            world.gateways,
            **rest,
            **queues,
            landing=gated("landing", SizedLanding(world.landed)),
            containers=gated("containers", world.containers),
            rejected=gated("rejected", world.gateways.rejected),
            state=gated("state", world.gateways.state),
        )

    # What the world holds.

    @property
    def destination(self) -> Destination:
        """The destination that most of it is about, even if it is deleted."""
        found = self.world.destinations.get("acme")
        if found is None:
            raise LookupError("no destination acme")
        return found.value

    @property
    def keys(self) -> tuple[StreamKey, ...]:
        """Its streams."""
        return self.destination.streams

    def naming(self, key: StreamKey) -> Naming:
        """Return how its files are called now."""
        return self.destination.naming(key.stream)

    def record(self, key: StreamKey, hour: Hour) -> HourRecord | None:
        """Return what the ledger has of an hour."""
        found = self.world.ledger.get(key, hour)
        return found.value if found else None

    # What happens in every world.

    def land(self, *, rows: int = 3) -> None:
        """Let a blob arrive, in time or late; its events may be in other blobs, too."""
        large = self.random.random() < self.large
        key, hour = self.random.choice(self.keys), self.random.choice(HOURS)
        if not self.open_for_landing(key, hour):
            return
        numbers = self.numbers(key, hour, rows)
        bad = self.random.random() < 0.5 and self.malformed
        self.land_blob(key, hour, numbers, large=large, malformed=1 if bad else 0)

    def open_for_landing(self, key: StreamKey, hour: Hour) -> bool:
        """Whether what lands in an hour now is still looked for, by the slowest of all clocks."""
        late_end = hour.end + SETTLE + LATE_CHECKS[-1] - timedelta(seconds=3 * self.skew)
        return self.now < late_end and (key.stream, hour) not in self.silent

    def numbers(self, key: StreamKey, hour: Hour, rows: int) -> list[int]:
        """Draw rows of an hour: events that may have landed before, or merges that have not."""
        if key.stream.data_type is DataType.EVENTS:
            return [hour.start.hour * 100 + self.random.randrange(12) for _ in range(rows)]
        self.merges += rows
        return [hour.start.hour * 100 + number for number in range(self.merges - rows, self.merges)]

    def land_blob(  # noqa: PLR0913  what lands, each by its name
        self,
        key: StreamKey,
        hour: Hour,
        numbers: Iterable[int],
        *,
        large: bool = False,
        malformed: int = 0,
        first: int | None = None,
    ) -> str:
        """Let a blob with these rows and so many malformed lines arrive; return its name.

        ``first`` is what its name begins with: landing blobs are read by their names.
        """
        self.blobs += 1
        rows = tuple(numbers)
        texts = tuple(f'{{"uuid":"bad-{hour.start.hour}-{self.blobs}-{each}"}}' for each in range(malformed))
        digit = self.random.randrange(9) if first is None else first
        name = f"{digit}-{self.blobs}{'-large' if large else ''}.json"
        self.world.land(
            key.stream,
            hour,
            b"".join([*(line_of(key, each) for each in rows), *(f"{t}\n".encode() for t in texts)]),
            name,
        )
        full = f"{key.stream.landing_folder(hour)}{name}"
        self.truth.landed[full] = Landed(key.stream, hour, rows, texts)
        self.truth.put_at[full] = self.now
        self.note(f"landed {key.stream.data_type} {hour} {name}: {rows} {len(texts)} malformed")
        return full

    def tick(self) -> None:
        """Let the timer come."""
        now = self.now + self.offset()

        def body() -> None:
            failures = Failures()
            run_tick(self.gateways, now=now, settle=SETTLE, late_checks=LATE_CHECKS, failures=failures)
            failures.end()

        self._start("tick", body)

    def ask(
        self,
        span: tuple[Hour, Hour] | None = None,
        *,
        allow_loss: bool = False,
        ahead: timedelta | None = None,
    ) -> str | None:
        """Ask for a backfill of both hours, or of one; return its id. The host's clock is ``ahead``."""
        first, last = span or self.random.choice([(FIRST, LAST), (FIRST, FIRST), (LAST, LAST)])
        name = f"b{len(self.asked) + 1}"
        more: dict[str, Any] = {"allow_loss": True} if allow_loss else {}
        asked = BackfillRequest(first.key, last.key, first, last, **more)
        now = self.now + (self.offset() if ahead is None else ahead)
        self.asked[name] = self.now
        try:
            create(self.gateways, "acme", asked, as_of=AsOf(now, SETTLE), new_id=name)
        except ExportError as error:
            self.note(f"no backfill: {error}")
            return None
        if allow_loss:
            self.truth.losses |= {(key, hour) for key in self.keys for hour in HOURS if first <= hour <= last}
        self.note(f"asked for {name}: {first} to {last}{', whatever is lost' if allow_loss else ''}")
        return name

    def change(self) -> None:
        """Cancel a backfill, or have it tried again."""
        known = self.world.backfills.of("acme")
        if known:
            name = self.random.choice(known).id
            change = self.random.choice([cancel, retry])
            try:
                change(self.gateways, "acme", name, now=self.now + self.offset())
            except ExportError:
                return
            self.note(f"{change.__name__} {name}")

    def refuse(self, *, on: bool) -> None:
        """Let the customer's storage refuse everything from now on, or nothing any more."""
        for container in self.truth.containers["acme"]:
            self.world.reader(container).faults.clear()
        if on:
            action = self.random.choice(["list", "write", "delete", "read"])
            for container in self.truth.containers["acme"]:
                self.world.reader(container).faults[action] = OUTAGE
            self.note(f"the container refuses to {action}")

    def lose_messages(self) -> None:
        """Lose everything that is queued."""
        for queue in self.queues:
            queue.messages.clear()
        self.note("messages lost")

    def pass_time(self, seconds: float) -> None:
        """Let time pass, in which nothing gets done."""
        self.now += timedelta(seconds=seconds)

    def work(self, turns: int) -> None:
        """Let workers begin, go on, fail and die, in any order, for so many turns."""
        for _ in range(turns):
            if self.random.random() < 0.1:
                self.pass_time(self.random.choice([1, 5, 20, 20, 100]))
            if len(self.workers) < WORKERS_MAX and self.random.random() < 0.3:
                self.deliver()
            if self.workers:
                actor = self.random.choice(self.workers)
                self._turn(actor)
                self._freeze(actor)
            if self.frozen and self.random.random() < 0.02:
                self.wake()

    # What some happenings do.

    def edit(self, **changes: object) -> bool:
        """Change the destination as its owner does; fields of its storage and output are among them."""
        now, was = self.now + self.offset(), self.destination
        if was.status is Status.DELETED:
            return False
        storage = {name: changes.pop(name) for name in ("container", "prefix") if name in changes}
        events = {"event_filter": changes.pop("event_filter")} if "event_filter" in changes else {}
        draft = replace(
            draft_of(was),
            storage=replace(was.storage, **storage),  # type: ignore[arg-type]  # names of fields
            output=replace(was.output, **changes),  # type: ignore[arg-type]  # names of fields
            **events,  # type: ignore[arg-type]  # names of fields
        )
        put_destination(self.gateways, draft, if_match=None, now=now)
        self._settings_changed()
        self.note(f"changed to {draft.storage} {draft.output} {draft.event_filter and 'purchases'}")
        return True

    def _settings_changed(self) -> None:
        now = self.destination
        containers = self.truth.containers["acme"]
        if now.storage.container not in containers:
            containers.append(now.storage.container)
            self.world.reader(now.storage.container).faults = dict(self.world.reader(containers[0]).faults)
        if now.event_filter is not None:
            self.truth.narrowed.add("acme")

    def set_active(self, *, active: bool) -> bool:
        """Pause the destination, or resume it."""
        if self.destination.status is (Status.ACTIVE if active else Status.PAUSED):
            return False
        try:
            (resume if active else pause)(self.gateways, "acme")
        except ExportError:
            return False
        self.note("resumed" if active else "paused")
        return True

    def delete(self) -> bool:
        """Delete the destination."""
        if self.destination.status is Status.DELETED:
            return False
        delete(self.gateways, "acme")
        self.note("deleted")
        return True

    def make_again(self, container: str | None = None) -> bool:
        """Make the destination again, and activate it; False if it is there, or is refused."""
        was = self.destination
        if was.status is Status.DELETED:
            draft = replace(draft_of(was), secret="secret")  # noqa: S106  a twin seals it
            if container is not None:
                draft = replace(draft, storage=replace(draft.storage, container=container))
            put_destination(self.gateways, draft, if_match=None, now=self.now + self.offset())
            self._settings_changed()
            self.note(f"made again for {draft.storage.container}")
        elif was.status is not Status.DRAFT:
            return False
        self.attempts += 1
        test_id = f"test-{self.attempts}"
        _, report = activate(self.gateways, "acme", now=self.now + self.offset(), test_id=test_id)
        self.note(f"activated: {report.ok}")
        return bool(report.ok)

    def verify(self, *, repair: bool, at_once: bool) -> None:
        """Have both hours verified, at once or in the background, and what is wrong exported again."""
        offset = self.offset()
        self.attempts += 1
        name = f"v{self.attempts}"

        def body() -> None:
            now = self.now + offset
            destination = find_destination(self.gateways.destinations, "acme").value
            as_of = AsOf(now, SETTLE)
            span = span_of(self.gateways, destination, (FIRST, LAST), None, as_of)
            if at_once:
                repairer = repairing(destination, partial(self._repair, offset)) if repair else None
                verify_at_once(
                    self.gateways,
                    destination,
                    span,
                    clock=lambda: self.now + offset,
                    as_of=as_of,
                    repair=repairer,
                    request_id=name,
                )
            else:
                runner.begin(self.gateways, destination, span, repair=repair, now=now, new_id=name)

        self.note(f"{name} verifies{' and repairs' if repair else ''}")
        self._start(name, body)

    def _repair(self, offset: timedelta, destination: Destination, hours: Any, request_id: str) -> str:  # noqa: ANN401
        self.asked.setdefault(request_id, self.now)
        self.note(f"{request_id} repairs {[(str(kind), str(hour)) for kind, hour in hours]}")
        return requests.create_repair(self.gateways, destination, hours, request_id, self.now + offset)

    # Sleepers.

    def _freeze(self, actor: Actor) -> None:
        """Let a worker that is about to change something sleep, far beyond its lease.

        Meanwhile the hour may be exported by another worker: only then can this zombie do any harm.
        """
        changes = actor.wants in CONTAINER_WRITES or (self.sleeps_anywhere and self._writes(actor))
        if actor.over or not changes or len(self.frozen) == FROZEN_MAX or self.random.random() >= self.sleepy:
            return
        self.freeze(actor)
        if self.random.random() < 0.5:
            self.land()
        if self.random.random() < 0.5 and len(self.asked) < ASKED_MAX:
            self.ask()

    @staticmethod
    def _writes(actor: Actor) -> bool:
        return actor.wants.rpartition(".")[2] in {"put", "discard", "keep", "commit", "delete", "forget"}

    def freeze(self, actor: Actor) -> None:
        """Let a worker sleep beyond its lease."""
        self.workers.remove(actor)
        self.frozen.append(actor)
        self.note(f"{actor.name} sleeps before {actor.wants} {actor.about}")
        self.pass_time(100)

    def wake(self) -> Actor:
        """Let the worker that sleeps longest go on."""
        actor = self.frozen.pop(0)
        self.workers.append(actor)
        self.note(f"{actor.name} is awake")
        return actor

    # How it happens.

    def offset(self) -> timedelta:
        """Return how far some host's clock is from the true time."""
        return timedelta(seconds=self.random.uniform(-self.skew, self.skew)) if self.skew else timedelta()

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
        verdict = Verdict.FAILS if self._is_down(actor.wants) else Verdict.WORKS
        if self.random.random() < self.trouble:
            verdict = self.random.choice(TROUBLE)
        self.let(actor, verdict)

    def let(self, actor: Actor, verdict: Verdict = Verdict.WORKS) -> None:
        """Let a worker make its call, and decide what becomes of it."""
        if verdict is not Verdict.WORKS or actor.wants.rpartition(".")[2] in {"commit", "delete", "put"}:
            self.note(f"{actor.name}: {actor.wants} {actor.about} {verdict}")
        actor.go_on(verdict)
        self._ended(actor)

    def _is_down(self, wants: str) -> bool:
        """Whether the service that a call goes to is out of order for this one."""
        service = wants.partition(".")[0]
        for name, left in self.down.items():
            if left and service in SERVICES[name]:
                self.down[name] = left - 1
                self.note(f"503 for {wants}")
                return True
        return False

    def _ended(self, actor: Actor) -> None:
        if not actor.over:
            return
        self.workers.remove(actor)
        for trouble in _leaves(actor.trouble):
            if not isinstance(trouble, (Death, ExportError, UnreadableRowError)):
                raise trouble

    def deliver(self) -> Actor | None:
        """Deliver some message that is ready, if there is one."""
        ready = [
            (queue, message)
            for queue in self.queues
            for message in queue.messages
            if message.ready_at <= self.now
        ]
        if not ready:
            return None
        return self.hand_out(*self.random.choice(ready))

    def hand_out(self, queue: Queue, message: Message) -> Actor:
        """Let a worker begin with a message; now and then leave it for another one, too."""
        doubled = self.random.random() < self.trouble
        message.deliveries += 1
        # Hidden while it is worked on; if its worker dies, it is there again.
        message.ready_at = self.now + (timedelta() if doubled else self.lease)
        return self._start(f"w{self.attempts}", partial(self._work_on, queue, message))

    def _work_on(self, queue: Queue, message: Message) -> None:
        self.attempts += 1
        offset = self.offset()
        worker = AttemptContext(
            clock=lambda: self.now + offset,
            claim_id=f"claim-{self.attempts}",
            heartbeat=self.turns.heartbeat,
            settle=SETTLE,
            late_until=LATE_CHECKS[-1],
            redelivered=message.deliveries > 1,
            recent=self.recent[self.attempts % len(self.recent)],
        )
        try:
            self._do(message, worker, offset)
        except Conflict as conflict:
            self.note(f"{worker.claim_id} {conflict}")
            if not isinstance(message.what, HourTask):
                message.ready_at = self.now + self.retry_after
                raise
        except Exception as error:
            self.note(f"{worker.claim_id} raises {error!r}")
            message.ready_at = max(self.now, min(message.ready_at, self.now + self.retry_after))
            raise
        if message in queue.messages:
            queue.messages.remove(message)

    def _do(self, message: Message, worker: AttemptContext, offset: timedelta) -> None:
        what = message.what
        if not isinstance(what, HourTask):
            if message.deliveries > POISON_COUNT:
                # The host gives it up; nothing but a log line comes of it, and a tick sends it again.
                return
            if isinstance(what, BackfillStep):
                take_step(what, self.gateways, worker.clock(), redelivered=message.deliveries > 1)
            else:
                repair = partial(self._repair, offset)
                stepper = runner.StepContext(
                    clock=worker.clock, step_id=worker.claim_id, settle=SETTLE, repair=repair
                )
                runner.take_step(what, self.gateways, stepper)
        elif message.deliveries > POISON_COUNT:
            try:
                record_poison(what, self.gateways, error_id="e", clock=worker.clock)
            except (ExportError, UnreadableRowError) as error:
                # The function of the poison queue never raises: the tables are the truth.
                self.note(f"poison of {what.hour} is not recorded: {error!r}")
        else:
            outcome = export_hour(what, self.gateways, worker)
            self.note(f"{worker.claim_id} {what.hour} {what.requested_by}{' late' * what.late}: {outcome}")
            if self.calm and outcome is Outcome.EXPORTED and what.requested_by in self._requests():
                self._exported_again((what.requested_by, what.key, what.hour))

    def _requests(self) -> set[str]:
        return {each.requested_by for each in self.world.backfills.unfinished()}

    def _exported_again(self, place: tuple[str, StreamKey, Hour]) -> None:
        self.exports[place] = self.exports.get(place, 0) + 1
        if self.exports[place] > EXPORTS_MAX:
            raise BrokenPromise("a backfill exports an hour again and again", place)

    # What is promised.

    def _written(self, what: str, arguments: tuple[object, ...]) -> None:
        """Look after a write whose result a reader or the ledger shows."""
        if what == "ledger.put" and isinstance(record := arguments[0], HourRecord):
            place = (record.key, record.hour)
            before = self._records.get(place)
            self.truth.observe(record, before, self.now)
            self._records[place] = record
            refused = record.work.refused
            if refused and refused != (before.work.refused if before else None):
                self._remember_refusal(refused, *place)
            if record.done:
                self.truth.look(what)
                self.truth.remember_rejected(record)
        elif what == "backfills.put" and isinstance(asked := arguments[0], Backfill):
            self.asked.setdefault(asked.id, self.now)
        elif what in CONTAINER_WRITES:
            self.truth.look(what)

    def _remember_refusal(self, refused: Refusal, key: StreamKey, hour: Hour) -> None:
        """Remember a refusal that is right because of where the hour is: its record may be lost or move."""
        if self.truth.stays_elsewhere(self.destination, key, hour):
            self.stayed.add((refused.requested_by, refused.round, key, hour))

    def judge(self) -> None:
        """Hold what ``verify`` says now against what is true.

        Of an hour that is done, but owed to the container of now, people are told that it is owed.
        """
        now = self.destination
        if now.status is not Status.DELETED and not self._faults():
            for key in self.keys:
                for hour in HOURS:
                    record = self.record(key, hour)
                    if record is not None and record.done_for(now.target):
                        self.truth.agrees(now, key, hour)

    def _faults(self) -> bool:
        return any(self.world.reader(each).faults for each in self.truth.containers["acme"])

    def look(self) -> None:
        """Look at everything as a reader would."""
        self.truth.look("something")

    def end(self) -> None:
        """Let all trouble be over, and wait until nothing is left to do; then everything is as promised."""
        self.trouble = self.sleepy = 0.0
        self.down.clear()
        self.refuse(on=False)
        self.note("all trouble is over")
        if "acme" not in self.troubled:
            self.make_again()
            self.set_active(active=True)
        self.until_quiet()
        while self.frozen:
            self.wake()
        self.until_quiet()
        self._settled("acme")
        if self.troubled:
            self._heal()
            self.until_quiet()
            self._settled("acme")
            self._settled(OTHER)

    def _heal(self) -> None:
        """Let the other destination's trouble be over, too."""
        world = self.world
        world.reader(THEIRS).faults.clear()
        world.schedule.mend()
        world.breakers.mend()
        world.destinations.mend()
        world.ledger.mend()
        self.troubled.clear()
        self.note("the other destination is in order again")

    def _settled(self, destination_id: str) -> None:
        found = self.world.destinations.get(destination_id)
        if found is None:
            return
        self.truth.look("everything")
        self.truth.settle(found.value)
        for key in found.value.streams:
            self.truth.marked(found.value, key)
        if destination_id == "acme":
            self._backfills_have_ended()
            self._verifications_have_ended()

    def until_quiet(self) -> None:
        """Let workers work, one at a time, until nothing is left to do, or patience ends."""
        self.calm, self.exports = True, {}
        deadline, next_tick, busy = self.now + PATIENCE, self.now, self.now
        for _ in range(ROUNDS_MAX):
            self.finish_workers()
            if self.now >= next_tick:
                self.tick()
                next_tick = self.now + (TICK_EVERY if self.now < busy + IDLE else SELDOM)
                continue
            if self.deliver() is not None:
                busy = self.now
                continue
            why = self._left()
            if why is None:
                self.calm = False
                return
            if self.now > deadline:
                raise BrokenPromise(f"what is owed is not done within a day ({why[0]})", why[1])
            upcoming = [message.ready_at for queue in self.queues for message in queue.messages]
            self.now = min([next_tick, *upcoming])
        kind, detail = self._left() or ("nothing", "")
        raise BrokenPromise(f"the work has no end ({kind})", detail)

    def pass_busily(self, hours: float = 0.0) -> None:
        """Let so much time pass in which the timer comes and all messages are worked on, one at a time."""
        until, next_tick = self.now + timedelta(hours=hours), self.now
        while True:
            self.finish_workers()
            if self.now >= next_tick:
                self.tick()
                next_tick = self.now + TICK_EVERY
            elif self.deliver() is None:
                upcoming = [message.ready_at for queue in self.queues for message in queue.messages]
                after = min([next_tick, *upcoming])
                if after > until:
                    self.now = until
                    return
                self.now = after

    def finish_workers(self) -> None:
        """Let workers work, one after the other, to their end."""
        for _ in range(TURNS_MAX):
            if not self.workers:
                return
            self._turn(self.workers[0])
        raise BrokenPromise("a worker comes to no end", self.workers[0].name)

    def _left(self) -> tuple[str, str] | None:
        """Return what is left to do for destinations that are in order, and which; None if nothing is."""
        for destination_id in self.truth.containers:
            if destination_id not in self.troubled and (left := self._owed(destination_id)):
                return left
        for backfill in self.world.backfills.unfinished():
            return "a backfill", f"{backfill.id} is {backfill.status}"
        for verification in self.world.verifications.unfinished():
            return "a verification", f"{verification.id} is {verification.status}"
        for queue in self.queues:
            for message in queue.messages:
                if message.destination_id not in self.troubled:
                    return f"messages of {queue.name}", str(message.what)
        return None

    def _owed(self, destination_id: str) -> tuple[str, str] | None:
        found = self.world.destinations.get(destination_id)
        for key in found.value.streams if found else ():
            first = self._first(key)
            if first is None:
                continue
            kind = key.stream.data_type
            for hour in HOURS:
                record = self.record(key, hour)
                if hour >= first and (record is None or not record.done):
                    status = record.status if record else "without a record"
                    error = record.work.error.code if record and record.work.error else "no error"
                    return f"an hour of {kind} is {status}, {error}", f"{key} {hour}"
            progress = self.world.schedule.get(key)
            late = last_closed_hour(self.now, SETTLE + LATE_CHECKS[-1])
            if progress is None or progress.first > first or progress.watermark <= late or late < LAST:
                return f"the schedule of {kind}", str(progress)
            if len(progress.late) != len(LATE_CHECKS) or min(progress.late) <= LAST:
                return f"the late looks at {kind}", str(progress)
        return None

    def _first(self, key: StreamKey) -> Hour | None:
        """Return the first hour that a stream owes; None while none of its landing is known."""
        if key.stream.data_type is DataType.EVENTS:
            return FIRST
        hours = [hour for hour in HOURS if self.truth.landing_of(key, hour)]
        return min(hours, default=None)

    def _backfills_have_ended(self) -> None:
        for backfill in self.world.backfills.of("acme"):
            if not backfill.ended:
                raise BrokenPromise("a backfill has not ended", backfill.id)
            progress = progress_of(self.world.gateways, backfill, self.now)
            if backfill.status is BackfillStatus.SUCCEEDED:
                if progress.left or progress.failed:
                    raise BrokenPromise("a backfill has succeeded too early", progress)
                self._has_written(backfill)
            if backfill.status is BackfillStatus.FAILED:
                if backfill.error is None and not progress.failed:
                    raise BrokenPromise("a backfill has failed without a reason", backfill.id)
                for each in progress.failed:
                    self._may_fail(backfill, each.stream, each.hour, each.error)

    def _may_fail(self, backfill: Backfill, stream: Stream, hour: Hour, error: Fault) -> None:
        if error.code not in HOUR_CODES:
            raise BrokenPromise("an hour of a backfill fails for a strange reason", f"{backfill.id} {error}")
        key = StreamKey(backfill.destination_id, stream)
        stayed = (backfill.requested_by, backfill.round, key, hour) in self.stayed
        if error.code == "landing_incomplete" and not stayed and self._still_there(key, hour):
            raise BrokenPromise("a backfill refuses an hour of which landing holds all", f"{key} {hour}")

    def _still_there(self, key: StreamKey, hour: Hour) -> bool:
        """Whether every blob that ever landed in an hour is still there: none of them ever comes back.

        A predecessor's rows may have been missing in landing when a backfill was refused, and land later.
        """
        if (key, hour) in self.truth.inherited:
            return False
        ever = {
            name for name, blob in self.truth.landed.items() if (blob.stream, blob.hour) == (key.stream, hour)
        }
        return ever <= self.world.landed.committed.keys() and self.truth.complete(key, hour)

    def _has_written(self, backfill: Backfill) -> None:
        """Look whether all hours of a backfill were written by attempts that began after it was asked for."""
        asked = self.asked[backfill.id]
        for key in backfill.keys:
            for hour in HOURS:
                asked_for = hour <= backfill.last and backfill.covers(key.stream, hour)
                if not asked_for or backfill.hour_list is not None:
                    continue
                written = self.truth.written.get((key, hour))
                if written is None or written < asked:
                    raise BrokenPromise(
                        "a backfill has succeeded without writing an hour",
                        f"{backfill.id} {key} {hour}: asked {asked}, written {written}",
                    )

    def _verifications_have_ended(self) -> None:
        for row in self.world.verifications.rows.values():
            verification = row.value
            if not verification.ended or (verification.status == "failed" and verification.error is None):
                raise BrokenPromise("a verification has not ended", verification)

    def note(self, what: str) -> None:
        """Write what happened into the log."""
        self.log.append(f"{self.now:%H:%M:%S} {what}")

    def digest(self) -> str:
        """Return what tells two lives apart: everything that happened, in order."""
        return hashlib.sha256("\n".join(self.log).encode()).hexdigest()


def line_of(key: StreamKey, number: int) -> bytes:
    """Return a row as it lands."""
    hour = hour_of(number)
    if key.stream.data_type is DataType.MERGED_IDS:
        return json.dumps(a_merge(number, hour)).encode() + b"\n"
    kind = "view" if is_view(number) else "purchase"
    return json.dumps(an_event(number, hour, event_type=kind)).encode() + b"\n"


def draft_of(destination: Destination) -> Draft:
    """Return what a PUT of a destination as it is would say, without its secret."""
    return Draft(
        id=destination.id,
        name=destination.name,
        storage=destination.storage,
        credentials_type=destination.credentials.type,
        secret=None,
        project_id=destination.project_id,
        org_id=destination.org_id,
        output=destination.output,
        event_filter=destination.event_filter,
    )


def _leaves(trouble: BaseException | None) -> Iterator[BaseException]:
    """Yield the errors that a worker ended with, those of a group one by one."""
    if isinstance(trouble, BaseExceptionGroup):
        for each in trouble.exceptions:
            yield from _leaves(each)
    elif trouble is not None:
        yield trouble
