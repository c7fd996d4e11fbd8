"""Everything outside of the product, in memory. The contract suite holds the twins to what Azurite does.

What is written is kept in plain dicts: tests may look at it, and change it behind the product's back.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from exporter.domain.backfill import Backfill, BackfillStep
from exporter.domain.breaker import Breaker
from exporter.domain.errors import Transient
from exporter.domain.hour import Hour
from exporter.domain.hour_task import HourTask
from exporter.domain.last_tick import LastTick
from exporter.domain.notifications import Delivery, WebhookAnswer
from exporter.domain.pulls import PullProgress, PullTask
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import Stream, StreamKey
from exporter.domain.verification import Verification, VerifyStep
from exporter.ports import Gateways, PullGateways
from tests.support.fakes import tables
from tests.support.fakes.blobs import (
    FakeBlobs,
    FakeBlobStore,
    FakeContainers,
    FakeLanding,
    FakeLandingWriter,
    Row,
)
from tests.support.fakes.export_api import FakeExportApi
from tests.support.fakes.queues import FakeQueue, ImpatientQueue
from tests.support.fakes.tables import (
    FakeDestinations,
    FakeJobs,
    FakeLastWrite,
    FakeLedger,
    FakeReopened,
    FakeSlices,
)
from tests.support.fakes.writes import Writes


@dataclass(slots=True, init=False)
class Puller:
    """What the puller has outside of the product: its tables, the answers that it keeps, and the API."""

    sources: tables.FakeSources
    hours: tables.FakePulledHours
    turns: tables.FakeFolderTurns
    late: tables.FakeLateLandings
    progress: tables.FakeLastWrite[str, PullProgress]
    runs: tables.FakeRuns
    answers: FakeBlobs
    api: FakeExportApi
    queue: FakeQueue[PullTask]
    gateways: PullGateways

    def __init__(self, writes: Writes, landed: FakeBlobs) -> None:
        self.hours = tables.FakePulledHours(writes)
        self.turns, self.runs = tables.FakeFolderTurns(writes), tables.FakeRuns(writes)
        self.late, self.progress = tables.FakeLateLandings(writes), tables.pull_progress(writes)
        self.answers, self.api = FakeBlobs(writes), FakeExportApi()
        self.sources = tables.FakeSources(writes, self.progress)
        self.queue = FakeQueue(writes, lambda task: f"pull {task.source_id} {task.hour}")
        self.gateways = PullGateways(
            sources=self.sources,
            hours=self.hours,
            progress=self.progress,
            health=tables.source_health(writes),
            slots=tables.pull_slots(writes),
            turns=self.turns,
            late=self.late,
            runs=self.runs,
            answers=FakeBlobStore(self.answers),
            landing=FakeLandingWriter(landed),
            api=self.api,
            queue=self.queue,
        )


class FakeWebhooks:
    """Answers calls with ``status`` and ``retry_after``, or not at all without a status; remembers them."""

    def __init__(self) -> None:
        self.status: int | None = 200
        self.retry_after = ""
        self.requests: list[tuple[str, bytes, Mapping[str, str]]] = []

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> WebhookAnswer:
        """Take a call."""
        self.requests.append((url, body, headers))
        if self.status is None:
            raise Transient("the webhook cannot be reached")
        return WebhookAnswer(self.status, self.retry_after)


class FakeCipher:
    """Keeps secrets to itself and hands out what nobody can read them from."""

    def __init__(self) -> None:
        self._sealed: dict[tuple[str, str, str], str] = {}

    def seal(self, secret: str, *, destination_id: str, field: str) -> str:
        """Return something in place of the secret, other each time."""
        count = len(self._sealed)
        sealed = f"sealed-{count}-{hashlib.sha256(f'{count}:{secret}'.encode()).hexdigest()}"
        self._sealed[sealed, destination_id, field] = secret
        return sealed

    def renew(self, sealed: str, *, destination_id: str, field: str) -> str:  # noqa: ARG002  one key for ever
        """Return what was sealed: there is no other key."""
        return sealed

    def is_current(self, sealed: str) -> bool:  # noqa: ARG002  the same
        """Whether a secret is encrypted with the one key: always."""
        return True

    def open(self, sealed: str, *, destination_id: str, field: str) -> str:
        """Return the secret; ValueError if it was sealed for anything else."""
        try:
            return self._sealed[sealed, destination_id, field]
        except KeyError:
            raise ValueError("the secret cannot be decrypted") from None


@dataclass(slots=True)
class World:
    """Everything outside of the product, in memory.

    ``World(crash_at=3, moment="after")`` dies right after its third write, ``moment="before"`` right before
    it; ``error`` is what is raised then (``Crash`` unless it is given: ``Transient("lost")`` is an answer
    that did not arrive). Later writes succeed: that is the next process.
    """

    crash_at: int | None = None
    moment: str = "before"
    error: BaseException | None = None
    writes: Writes = field(init=False)
    landed: FakeBlobs = field(init=False)
    landing: FakeLanding = field(init=False)
    rejected: FakeBlobs = field(init=False)
    own: FakeBlobs = field(init=False)
    containers: FakeContainers = field(init=False)
    ledger: FakeLedger = field(init=False)
    slices: FakeSlices = field(init=False)
    schedule: FakeLastWrite[StreamKey, StreamProgress] = field(init=False)
    breakers: FakeLastWrite[str, Breaker, Breaker] = field(init=False)
    reopened: FakeReopened = field(init=False)
    ticks: FakeLastWrite[str, LastTick] = field(init=False)
    destinations: FakeDestinations = field(init=False)
    backfills: FakeJobs[Backfill] = field(init=False)
    verifications: FakeJobs[Verification] = field(init=False)
    hours: FakeQueue[HourTask] = field(init=False)
    backfill_hours: FakeQueue[HourTask] = field(init=False)
    backfill_steps: FakeQueue[BackfillStep] = field(init=False)
    verify_steps: FakeQueue[VerifyStep] = field(init=False)
    notifications: FakeQueue[Delivery] = field(init=False)
    webhook_calls: FakeQueue[Delivery] = field(init=False)
    webhooks: FakeWebhooks = field(init=False, default_factory=FakeWebhooks)
    cipher: FakeCipher = field(init=False, default_factory=FakeCipher)
    puller: Puller = field(init=False)
    pauses: list[float] = field(init=False, default_factory=list)
    gateways: Gateways = field(init=False)

    def __post_init__(self) -> None:
        writes = self.writes = Writes(self.crash_at, self.moment, self.error)
        self.landed, self.rejected, self.own = FakeBlobs(writes), FakeBlobs(writes), FakeBlobs(writes)
        self.landing, self.containers = FakeLanding(self.landed), FakeContainers(writes)
        self.ledger, self.slices, self.reopened = FakeLedger(writes), FakeSlices(writes), FakeReopened(writes)
        self.schedule, self.breakers = tables.schedule(writes), tables.breakers(writes)
        self.ticks, self.destinations = tables.ticks(writes), FakeDestinations(writes)
        self.backfills, self.verifications = FakeJobs(writes, "backfill"), FakeJobs(writes, "verification")
        self.hours, self.backfill_hours = FakeQueue(writes, _hour), FakeQueue(writes, _hour)
        self.backfill_steps = ImpatientQueue(writes, lambda step: f"{step.backfill_id} {step.number}")
        self.verify_steps = ImpatientQueue(writes, lambda step: f"{step.verification_id} {step.next}")
        self.puller = Puller(writes, self.landed)
        # Notifications are no part of the promise: no crash at one of their writes, and no line in the log.
        apart = Writes()
        self.notifications, self.webhook_calls = FakeQueue(apart, _delivery), FakeQueue(apart, _delivery)
        self.gateways = Gateways(
            landing=self.landing,
            containers=self.containers,
            rejected=FakeBlobStore(self.rejected),
            state=FakeBlobStore(self.own),
            ledger=self.ledger,
            slices=self.slices,
            schedule=self.schedule,
            breakers=self.breakers,
            ticks=self.ticks,
            reopened=self.reopened,
            destinations=self.destinations,
            backfills=self.backfills,
            verifications=self.verifications,
            hours=self.hours,
            backfill_hours=self.backfill_hours,
            backfill_steps=self.backfill_steps,
            verify_steps=self.verify_steps,
            notifications=self.notifications,
            webhook_calls=self.webhook_calls,
            webhooks=self.webhooks,
            cipher=self.cipher,
            pulls=self.puller.gateways,
            pause=self.pauses.append,
        )

    def land(self, stream: Stream, hour: Hour, content: bytes | Iterable[Row], name: str = "a.json") -> None:
        """Let a blob arrive: bytes as they are, rows as newline-delimited JSON."""
        body = content if isinstance(content, bytes) else b"".join(map(_line, content))
        self.landed.set(f"{stream.landing_folder(hour)}{name}", body)

    def reader(self, container: str = "raw") -> FakeBlobs:
        """Return a customer's container as its owner sees it."""
        return self.containers.reader(container)

    def events_a_reader_sees(self, container: str = "raw", prefix: str = "") -> list[Row]:
        """Return the rows of every gzip file in a customer's container, file by file in name order."""
        return self.reader(container).rows(prefix)

    def markers_a_reader_sees(self, container: str = "raw", prefix: str = "") -> dict[str, Row]:
        """Return the completion markers in a customer's container by name; an empty file is none."""
        blobs = self.reader(container)
        found = (name for name in blobs.names(prefix) if name.endswith("_complete"))
        names = [name for name in found if blobs.committed[name].body]
        return {name: json.loads(blobs.committed[name].body) for name in names}

    def rejected_rows(self, prefix: str = "") -> list[Row]:
        """Return the rows kept aside, as our own container holds them."""
        return self.rejected.rows(prefix)


def _line(row: Row) -> bytes:
    return json.dumps(row).encode() + b"\n"


def _hour(task: HourTask) -> str:
    return f"{task.key} {task.hour}"


def _delivery(delivery: Delivery) -> str:
    return delivery.notification.id
