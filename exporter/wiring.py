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
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from exporter.export.work_slots import WorkSlots
from exporter.ports import Cipher, Containers, Gateways, Webhooks
from exporter.settings import Settings, sdk_log_level

if TYPE_CHECKING:
    from exporter.storage.blocks import BlockPool
    from exporter.storage.clients import Account
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
    """Build the app. Each gateway connects, and imports its SDK, when it is first used."""
    # Imported here, so that a health check does not wait for them.
    from exporter.storage.blocks import BlockPool  # noqa: PLC0415
    from exporter.storage.clients import Account, ByIdentity  # noqa: PLC0415
    from exporter.storage.customer.cipher import AesCipher  # noqa: PLC0415
    from exporter.storage.customer.containers import CustomerContainers  # noqa: PLC0415
    from exporter.storage.customer.credentials import ClientSettings  # noqa: PLC0415
    from exporter.storage.customer.webhook_client import Webhooks as WebhookClient  # noqa: PLC0415
    from exporter.storage.own.queues import OwnQueues  # noqa: PLC0415
    from exporter.storage.transport import calls_made  # noqa: PLC0415

    own = settings.own_storage
    identity = ByIdentity(own.urls, own.client_id, settings.entra_authority) if own.urls else None
    account = Account(own.connection_string, identity=identity)
    cipher, pool = AesCipher(settings.secrets_keys), BlockPool()
    customers = Customers(
        containers=CustomerContainers(
            cipher,
            settings.destination_hosts,
            pool,
            ClientSettings.new(settings.entra_authority),
            settings.own_containers,
        ),
        webhooks=WebhookClient(settings.notify_hosts),
        cipher=cipher,
    )
    gateways = gateways_of(
        account, pool, customers, landing=settings.landing_container, notice_queue=settings.notice_queue
    )
    return App(settings, gateways, OwnQueues(account), calls_made, WorkSlots(COMPUTING_MAX))


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """The gateways to what belongs to customers."""

    containers: Containers
    webhooks: Webhooks
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
    from exporter.storage.own import specs  # noqa: PLC0415
    from exporter.storage.own.blob_store import REJECTED, STATE, BlobContainer  # noqa: PLC0415
    from exporter.storage.own.destinations import DestinationsTable  # noqa: PLC0415
    from exporter.storage.own.landing import LandingContainer  # noqa: PLC0415
    from exporter.storage.own.ledger import LedgerTable  # noqa: PLC0415
    from exporter.storage.own.queues import NoQueue, Queue  # noqa: PLC0415
    from exporter.storage.own.reopened import ReopenedTable  # noqa: PLC0415
    from exporter.storage.own.slices import SlicesTable  # noqa: PLC0415

    def queue[Message](spec: messages.QueueSpec[Message]) -> Queue[Message]:
        return Queue(account, replace(spec, name=named(spec.name)))

    published = replace(messages.WEBHOOK_CALLS, name=notice_queue or "")
    return Gateways(
        landing=LandingContainer(account, named(landing)),
        containers=customers.containers,
        rejected=BlobContainer(account, pool, named(REJECTED)),
        state=BlobContainer(account, pool, named(STATE)),
        ledger=LedgerTable(account, named("ledger")),
        slices=SlicesTable(account, named("slices")),
        schedule=specs.schedule_table(account, named("schedule")),
        breakers=specs.breakers_table(account, named("breakers")),
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
    )
