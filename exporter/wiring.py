"""Settings become gateways, and gateways what the actions work with: once a process, when first needed.

Nothing is built at import: an exception there would leave the host without any function, and without a word.
Here, too, are the only clock and the only source of random ids.
"""

import ctypes
import logging
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from exporter.export.work_slots import WorkSlots
from exporter.ports import Gateways
from exporter.settings import Settings, sdk_log_level

if TYPE_CHECKING:
    from exporter.storage.own.queues import OwnQueues

# What speaks at INFO of each of its calls: the SDKs (below "azure", the worker's own library, too), what
# signs in, and what connects. The host would keep every such record, and pass it on to telemetry.
_SDK_LOGGERS = ("azure", "msal", "urllib3")
# GNU's allocator gives each thread an arena of its own, and keeps what was freed there. Six hours of 16 MB
# landed, staged one after the other by as many threads, made a process of 186 MB, with two arenas of 164 MB.
ARENAS_MAX = 2
_M_ARENA_MAX = -8

# Hours whose rows a process looks at at once. Python's lock lets it look at those of one; beside it, threads
# without the lock compress, read and send.
COMPUTING_MAX = 1

_building = threading.Lock()
_built: "App | None" = None


@dataclass(frozen=True, slots=True)
class App:
    """What the triggers work with."""

    settings: Settings
    gateways: Gateways
    queues: "OwnQueues"
    calls: Callable[[], int]
    """How many calls to storage this process has made."""
    turns: WorkSlots
    """What all its hours share."""


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)  # noqa: TID251  the one clock


def new_id() -> str:
    """Return an id that nobody else has, of 32 hexadecimal digits."""
    return uuid.uuid4().hex  # noqa: TID251  the one source of ids


def prepare_process() -> None:
    """Set what is the process's own, once, whichever host runs it: levels of loggers, and its memory."""
    level = sdk_log_level()
    for name in _SDK_LOGGERS:
        logging.getLogger(name).setLevel(level)
    _share_memory()


def _share_memory() -> None:
    """Have threads share what they allocate from; where the C library is another than GNU's, they do.

    As an environment variable (MALLOC_ARENA_MAX) it would come too late: Azure starts workers before it knows
    whose they are to be.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS_MAX)


def settings() -> Settings:
    """Return the settings, or raise ``NotConfigured`` with all that is wrong."""
    return Settings.from_environ()


def app() -> App:
    """Return this process's app, or raise ``NotConfigured``; after a failure the next call tries anew."""
    global _built  # noqa: PLW0603  one app a process is what this module is for
    with _building:
        if _built is None:
            _built = _build(settings())
        return _built


def _build(settings: Settings) -> App:
    """Put the gateways together. Each connects when it is first used, and imports its SDK then."""
    from exporter.storage.blocks import BlockPool  # noqa: PLC0415
    from exporter.storage.clients import Account, ByIdentity  # noqa: PLC0415  not for health checks
    from exporter.storage.customer.cipher import AesCipher  # noqa: PLC0415
    from exporter.storage.customer.containers import CustomerContainers  # noqa: PLC0415
    from exporter.storage.customer.credentials import ClientSettings  # noqa: PLC0415
    from exporter.storage.customer.webhook_client import Webhooks  # noqa: PLC0415
    from exporter.storage.own.backfill_steps import BackfillStepQueue  # noqa: PLC0415
    from exporter.storage.own.backfills import BackfillsTable  # noqa: PLC0415
    from exporter.storage.own.breakers import BreakersTable  # noqa: PLC0415
    from exporter.storage.own.destinations import DestinationsTable  # noqa: PLC0415
    from exporter.storage.own.landing import LandingContainer  # noqa: PLC0415
    from exporter.storage.own.ledger import LedgerTable  # noqa: PLC0415
    from exporter.storage.own.messages import BACKFILL_QUEUE  # noqa: PLC0415
    from exporter.storage.own.notifications import NoticeQueues  # noqa: PLC0415
    from exporter.storage.own.queues import ExportQueue, OwnQueues  # noqa: PLC0415
    from exporter.storage.own.rejected import RejectedContainer  # noqa: PLC0415
    from exporter.storage.own.reopened import ReopenedTable  # noqa: PLC0415
    from exporter.storage.own.schedule import ScheduleTable  # noqa: PLC0415
    from exporter.storage.own.slices import SlicesTable  # noqa: PLC0415
    from exporter.storage.own.state import StateContainer  # noqa: PLC0415
    from exporter.storage.own.verifications import VerificationsTable  # noqa: PLC0415
    from exporter.storage.own.verify_steps import VerifyStepQueue  # noqa: PLC0415
    from exporter.storage.transport import calls_made  # noqa: PLC0415

    own = settings.own_storage
    identity = ByIdentity(own.urls, own.client_id, settings.entra_authority) if own.urls else None
    account = Account(own.connection_string, identity=identity)
    cipher, pool = AesCipher(settings.secrets_keys), BlockPool()
    gateways = Gateways(
        landing=LandingContainer(account, settings.landing_container),
        containers=CustomerContainers(
            cipher,
            settings.destination_hosts,
            pool,
            ClientSettings.new(settings.entra_authority),
            settings.own_containers,
        ),
        rejected=RejectedContainer(account, pool),
        ledger=LedgerTable(account),
        schedule=ScheduleTable(account),
        breakers=BreakersTable(account),
        destinations=DestinationsTable(account),
        verifications=VerificationsTable(account),
        verify_steps=VerifyStepQueue(account),
        slices=SlicesTable(account),
        reopened=ReopenedTable(account),
        state=StateContainer(account),
        backfills=BackfillsTable(account),
        backfill_steps=BackfillStepQueue(account),
        hours=ExportQueue(account),
        backfill_hours=ExportQueue(account, BACKFILL_QUEUE),
        notices=NoticeQueues(account, settings.notice_queue),
        webhooks=Webhooks(settings.notify_hosts),
        cipher=cipher,
    )
    return App(settings, gateways, OwnQueues(account), calls_made, WorkSlots(COMPUTING_MAX))
