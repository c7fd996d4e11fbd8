"""Builds the app of this process from its settings, when it is first needed.

Nothing is built at import: after an exception there, the host finds no function and reports no reason. This
module also contains the only clock and the only source of random ids.
"""

import ctypes
import logging
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from exporter.export.recent import Recent
from exporter.export.work_slots import WorkSlots
from exporter.pipeline.native.scanner import allow
from exporter.ports import Cipher, Containers, ExportApi, Gateways, PullGateways, Webhooks
from exporter.settings import Settings, sdk_log_level, telemetry_target

if TYPE_CHECKING:
    from exporter.storage.blocks import BlockPool
    from exporter.storage.clients import Account
    from exporter.storage.own.queues import OwnQueues

# The loggers that log each call at INFO: the SDKs ("azure" includes the worker's own library), the sign-in
# library and the HTTP library. The host would send every such record to telemetry.
_SDK_LOGGERS = ("azure", "msal", "urllib3")
# The GNU C library gives each thread a memory arena of its own, and keeps memory that was freed there. Six
# hours of 16 MB each, staged in turn by six threads, take 186 MB, and with two arenas 164 MB.
ARENAS_MAX = 2
_M_ARENA_MAX = -8
# Larger pieces of memory come from the system, and go back to it as soon as they are freed. By default the C
# library keeps pieces of up to 32 MiB once it has freed one as large: blocks and long lines leave gaps, then.
MAPPED_BYTES_MIN = 1024 * 1024
_M_MMAP_THRESHOLD = -3

# Hours whose rows a process parses at the same time. Python's lock allows one; beside it, threads that do not
# hold the lock compress, read and send.
COMPUTING_MAX = 1

_building = threading.Lock()
_built: "App | None" = None


@dataclass(frozen=True, slots=True)
class App:
    """Everything that the functions use."""

    settings: Settings
    gateways: Gateways
    queues: "OwnQueues"
    calls: Callable[[], int]
    """Returns the number of calls to storage that this process has made."""
    turns: WorkSlots
    """The slots for computing that all hours of the process share."""
    recent: Recent = field(default_factory=Recent)
    """What the process has read within the last seconds."""


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)  # noqa: TID251  the one clock


def new_id() -> str:
    """Return a random id of 32 hexadecimal digits."""
    return uuid.uuid4().hex  # noqa: TID251  the one source of ids


def prepare_process() -> None:
    """Set the log levels, the telemetry and the memory arenas of this process."""
    level = sdk_log_level()
    for name in _SDK_LOGGERS:
        logging.getLogger(name).setLevel(level)
    if target := telemetry_target():
        from exporter.notify.otlp import Collector, OtlpHandler  # noqa: PLC0415  only with a collector

        collector = Collector(target.url, target.headers, target.service)
        logging.getLogger("exporter").addHandler(OtlpHandler(collector))
    _share_memory()


def _share_memory() -> None:
    """Make threads share memory arenas, and give memory back; GNU's C library needs that.

    The environment variable MALLOC_ARENA_MAX has no effect: Azure starts a worker before it sets the
    variables of the app that the worker is for.
    """
    with suppress(AttributeError, OSError):
        set_option = ctypes.CDLL(None).mallopt
        set_option(_M_ARENA_MAX, ARENAS_MAX)
        set_option(_M_MMAP_THRESHOLD, MAPPED_BYTES_MIN)


def settings() -> Settings:
    """Return the settings; ``NotConfigured`` lists every missing or invalid one."""
    return Settings.from_environ()


def app() -> App:
    """Return this process's app; ``NotConfigured`` if a setting is bad. The next call tries again."""
    global _built  # noqa: PLW0603  one app a process
    with _building:
        if _built is None:
            _built = _build(settings())
        return _built


def _build(settings: Settings) -> App:
    """Build the app. Each gateway connects, and imports its SDK, when it is first used."""
    # Imported here, so that a health check does not wait for them.
    from exporter.storage.blocks import BlockPool  # noqa: PLC0415
    from exporter.storage.clients import Account, ByIdentity  # noqa: PLC0415
    from exporter.storage.customer.cipher import AesCipher  # noqa: PLC0415
    from exporter.storage.customer.containers import CustomerContainers  # noqa: PLC0415
    from exporter.storage.customer.credentials import ClientSettings  # noqa: PLC0415
    from exporter.storage.customer.export_api import ExportApiClient  # noqa: PLC0415
    from exporter.storage.customer.webhook_client import Webhooks as WebhookClient  # noqa: PLC0415
    from exporter.storage.own.queues import OwnQueues  # noqa: PLC0415
    from exporter.storage.transport import calls_made  # noqa: PLC0415

    allow(settings.native_code)
    own = settings.own_storage
    identity = ByIdentity(own.urls, own.client_id, settings.entra_authority) if own.urls else None
    account = Account(own.connection_string, identity=identity)
    cipher, pool = AesCipher(settings.secrets_keys), BlockPool()
    customers = Customers(
        containers=CustomerContainers(
            cipher,
            settings.destination_hosts,
            pool,
            ClientSettings.new(settings.entra_authority, identity=own.client_id),
            settings.own_containers,
        ),
        webhooks=WebhookClient(settings.notify_hosts),
        export_api=ExportApiClient(cipher, settings.pull_hosts, now),
        cipher=cipher,
    )
    gateways = gateways_of(
        account, pool, customers, landing=settings.landing_container, notice_queue=settings.notice_queue
    )
    return App(settings, gateways, OwnQueues(account), calls_made, WorkSlots(COMPUTING_MAX))


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """The gateways to customers' storage, webhooks and sources, and the cipher of their secrets."""

    containers: Containers
    webhooks: Webhooks
    export_api: ExportApi
    cipher: Cipher


def gateways_of(  # noqa: PLR0913  what the gateways are made of, each by its name
    account: "Account",
    pool: "BlockPool",
    customers: Customers,
    *,
    landing: str,
    notice_queue: str | None = None,
    named: Callable[[str], str] = str,
) -> Gateways:
    """Return all gateways, those to our own account made from it.

    ``named`` returns what a container, table or queue of ours is called in this account: tests share one.
    """
    from exporter import messages  # noqa: PLC0415  see _build
    from exporter.storage.own import sources, specs  # noqa: PLC0415
    from exporter.storage.own.blob_store import PULLED, REJECTED, STATE, BlobContainer  # noqa: PLC0415
    from exporter.storage.own.destinations import DestinationsTable  # noqa: PLC0415
    from exporter.storage.own.landing import LandingContainer  # noqa: PLC0415
    from exporter.storage.own.landing_writer import LandingWriter  # noqa: PLC0415
    from exporter.storage.own.ledger import LedgerTable  # noqa: PLC0415
    from exporter.storage.own.queues import NoQueue, Queue  # noqa: PLC0415
    from exporter.storage.own.reopened import ReopenedTable  # noqa: PLC0415
    from exporter.storage.own.slices import SlicesTable  # noqa: PLC0415
    from exporter.storage.own.tables import Table  # noqa: PLC0415

    def queue[Message](spec: messages.QueueSpec[Message]) -> Queue[Message]:
        return Queue(account, replace(spec, name=named(spec.name)))

    published = replace(messages.WEBHOOK_CALLS, name=notice_queue or "")
    pulls = PullGateways(
        sources=sources.SourcesTable(account, named("pullsources")),
        hours=sources.PulledHoursTable(account, named("pullhours")),
        progress=specs.pull_progress_table(account, named("pullsources")),
        health=specs.source_health_table(account, named("pullsources")),
        slots=Table(account, specs.PULL_SLOTS, named("pullsources")),
        turns=sources.FolderTurnsTable(account, named("pullhours")),
        late=sources.LateLandingsTable(account, named("pullsources")),
        runs=specs.pull_runs_table(account, named("pullruns")),
        answers=BlobContainer(account, pool, named(PULLED)),
        landing=LandingWriter(account, pool, named(landing)),
        api=customers.export_api,
        queue=queue(messages.PULL_HOURS),
    )
    return Gateways(
        landing=LandingContainer(account, named(landing)),
        containers=customers.containers,
        rejected=BlobContainer(account, pool, named(REJECTED)),
        state=BlobContainer(account, pool, named(STATE)),
        ledger=LedgerTable(account, named("ledger")),
        slices=SlicesTable(account, named("slices")),
        schedule=specs.schedule_table(account, named("schedule")),
        breakers=specs.breakers_table(account, named("breakers")),
        ticks=specs.ticks_table(account, named("schedule")),
        reopened=ReopenedTable(account, named("schedule")),
        destinations=DestinationsTable(account, named("destinations")),
        backfills=specs.backfills_table(account, named("backfills")),
        verifications=specs.verifications_table(account, named("verifications")),
        hours=queue(messages.EXPORT_HOURS),
        backfill_hours=queue(messages.BACKFILL_HOURS),
        backfill_steps=queue(messages.BACKFILL_STEPS),
        verify_steps=queue(messages.VERIFY_STEPS),
        webhook_calls=queue(messages.WEBHOOK_CALLS),
        notifications=Queue(account, published, base64=True) if notice_queue else NoQueue(),
        webhooks=customers.webhooks,
        cipher=customers.cipher,
        pulls=pulls,
    )
