"""What the contract suite runs on: the twins in memory, and the real gateways on Azurite.

Whatever a test does behind the gateways' backs (landing a blob, looking at a container as its owner does)
is a method here, once for each.
"""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from azure.core.exceptions import ResourceNotFoundError
from azure.core.pipeline.transport import HttpTransport
from azure.storage.blob import BlobServiceClient, ContentSettings

from exporter.domain.allowed_hosts import EXPORT_API, NO_WEBHOOKS, AllowedHosts
from exporter.domain.data_types import DataType
from exporter.domain.destination import Credentials, CredentialsType, Destination, StorageTarget
from exporter.domain.errors import Fault
from exporter.domain.hour import Hour
from exporter.domain.hour_task import HourTask
from exporter.domain.marker import Part, StagedFile
from exporter.domain.streams import Stream, StreamKey
from exporter.messages import EXPORT_HOURS
from exporter.ports import Container, Gateways, Upload
from exporter.storage.blocks import BlockPool, md5_text
from exporter.storage.clients import Account, RetryPolicy
from exporter.storage.customer.cipher import AesCipher
from exporter.storage.customer.containers import CustomerContainers
from exporter.storage.customer.credentials import ClientSettings
from exporter.storage.customer.export_api import ExportApiClient
from exporter.storage.customer.webhook_client import Webhooks
from exporter.wiring import Customers, gateways_of
from infra.local.azurite import Endpoints
from tests.support.fakes.blobs import FakeBlob, md5_base64
from tests.support.fakes.tables import FakeRows
from tests.support.fakes.world import World

NOW = datetime(2026, 1, 31, 13, 15, tzinfo=UTC)
HOUR = Hour.parse("2020-01-25T17")
STREAM = Stream(DataType.EVENTS, 187520)
KEY = StreamKey("acme", STREAM)
# Tests do not wait between tries.
HASTE = RetryPolicy(connect_seconds=2, read_seconds=10, first_wait_seconds=0)
CIPHER = AesCipher((b"0123456789abcdef0123456789abcdef",))
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Seen:
    """A blob as its owner sees it."""

    body: bytes
    content_type: str | None
    md5: str | None


class Backend(Protocol):
    """The gateways, and the world behind them."""

    gateways: Gateways
    destination: Destination

    @property
    def container(self) -> Container:
        """The customer's container."""
        ...

    def land(self, name: str, body: bytes) -> None:
        """Let a blob arrive in landing, replacing one of that name."""
        ...

    def unland(self, name: str) -> None:
        """Delete a blob from landing."""
        ...

    def lose_landing(self) -> None:
        """Let there be no landing container."""
        ...

    def lose_ledger(self) -> None:
        """Delete the ledger's table."""
        ...

    def spoil(self, table: str, partition: str, key: str) -> None:
        """Make a row unreadable, as a newer exporter might leave it."""
        ...

    def names(self) -> list[str]:
        """Return the names of the customer's blobs."""
        ...

    def see(self, name: str) -> Seen:
        """Return a blob of the customer's container."""
        ...

    def seen_rejected(self) -> dict[str, Seen]:
        """Return the blobs of our container of rejected rows."""
        ...

    def staged(self, container: str, name: str) -> int:
        """Return how many blocks of a blob have arrived in ``raw`` or ``rejected`` and are not committed."""
        ...

    def stage_foreign(self, name: str) -> None:
        """Send a block as another program does, with an id of another length than ours."""
        ...

    def archive(self, name: str) -> None:
        """Move a blob of landing, or else of the customer's container, to the archive tier."""
        ...

    def lose_container(self) -> None:
        """Delete the customer's container."""
        ...

    def sent(self) -> list[HourTask]:
        """Take all messages out of the queue, in their order."""
        ...


class TwinBackend:
    """The twins in memory."""

    def __init__(self) -> None:
        self.world = World()
        self.gateways = self.world.gateways
        self.destination = a_destination("raw", "sealed")

    @property
    def container(self) -> Container:
        """The customer's container."""
        return self.gateways.containers.open(self.destination)

    def land(self, name: str, body: bytes) -> None:
        """Let a blob arrive."""
        self.world.landed.set(name, body)

    def unland(self, name: str) -> None:
        """Delete a blob from landing."""
        del self.world.landed.committed[name]

    def lose_landing(self) -> None:
        """Let there be no landing container."""
        self.world.landing.there = False

    def lose_ledger(self) -> None:
        """Delete the ledger's table."""
        self.world.ledger.clear()

    def spoil(self, table: str, partition: str, key: str) -> None:
        """Make a row unreadable."""
        world = self.world
        rows: dict[tuple[str, str], FakeRows[*tuple[Any, ...], Any]] = {
            ("schedule", "stream"): world.schedule,
            ("schedule", "reopened"): world.reopened,
            ("schedule", "tick"): world.ticks,
            ("breakers", "destination"): world.breakers,
            ("destinations", "destination"): world.destinations,
            ("backfills", "acme"): world.backfills,
            ("verifications", "acme"): world.verifications,
            ("ledger", str(KEY)): world.ledger,
        }
        rows[table, partition].spoiled.add((partition, key))

    def names(self) -> list[str]:
        """Return the names of the customer's blobs."""
        return self.world.reader().names()

    def see(self, name: str) -> Seen:
        """Return a blob of the customer's container."""
        return _seen(self.world.reader().committed[name])

    def seen_rejected(self) -> dict[str, Seen]:
        """Return the blobs of our container of rejected rows."""
        blobs = self.world.rejected.committed
        return {name: _seen(blob) for name, blob in blobs.items()}

    def staged(self, container: str, name: str) -> int:
        """Return how many blocks have arrived."""
        blobs = self.world.rejected if container == "rejected" else self.world.reader()
        return len(blobs.staged.get(name, {}))

    def stage_foreign(self, name: str) -> None:
        """Send a block as another program does."""
        self.world.reader().staged.setdefault(name, {})["theirs"] = b"theirs"

    def archive(self, name: str) -> None:
        """Move a blob to the archive tier."""
        landed = self.world.landed
        (landed if name in landed.committed else self.world.reader()).archived.add(name)

    def lose_container(self) -> None:
        """Let the customer's container answer as if it were gone."""
        fault = Fault("container_not_found", "gone", "create it")
        self.world.reader().faults = dict.fromkeys(("list", "read", "write", "delete"), fault)

    def sent(self) -> list[HourTask]:
        """Take all messages out of the queue."""
        return self.world.hours.take()


def _seen(blob: FakeBlob) -> Seen:
    return Seen(blob.body, blob.content_type, blob.md5)


class AzuriteBackend:
    """The real gateways on Azurite; containers, tables and queues are this test's own."""

    def __init__(
        self,
        connection_string: str,
        *,
        retry: RetryPolicy = HASTE,
        transport: HttpTransport[Any, Any] | None = None,
    ) -> None:
        self._number = next(_numbers)
        self.account = Account(connection_string, retry=retry, transport=transport)
        self._pool = BlockPool()
        hosts = AllowedHosts(("127.0.0.1",))
        client_settings = ClientSettings.new("https://login.invalid", retry, transport)
        self.containers = CustomerContainers(CIPHER, hosts, self._pool, client_settings)
        customers = Customers(
            containers=self.containers,
            webhooks=Webhooks(NO_WEBHOOKS),
            export_api=ExportApiClient(CIPHER, EXPORT_API, lambda: NOW),
            cipher=CIPHER,
        )
        self.gateways = gateways_of(
            self.account, self._pool, customers, landing="landing", named=self.own_name
        )
        sealed = CIPHER.seal(connection_string, destination_id="acme", field="connection_string")
        self.destination = a_destination(self.own_name("raw"), sealed)
        # A client of its own for the owner: faults of the gateways' connections do not reach it.
        self.owner = BlobServiceClient.from_connection_string(connection_string)
        self.owner.create_container(self.own_name("raw"))

    def own_name(self, name: str) -> str:
        """Return what this test calls its container, table or queue of that name."""
        return f"{name}{self._number}"

    def close(self) -> None:
        """Close every connection and end every thread."""
        self._pool.close()
        self.containers.close()
        self.account.close()
        self.owner.close()

    @property
    def container(self) -> Container:
        """The customer's container."""
        return self.gateways.containers.open(self.destination)

    def land(self, name: str, body: bytes, content_encoding: str | None = None) -> None:
        """Let a blob arrive."""
        container = self.owner.get_container_client(self.own_name("landing"))
        if not container.exists():
            container.create_container()
        settings = ContentSettings(content_encoding=content_encoding)
        container.upload_blob(name, body, overwrite=True, content_settings=settings)

    def unland(self, name: str) -> None:
        """Delete a blob from landing."""
        self.owner.get_blob_client(self.own_name("landing"), name).delete_blob()

    def lose_landing(self) -> None:
        """Delete the landing container, if there is one."""
        with suppress(ResourceNotFoundError):
            self.owner.delete_container(self.own_name("landing"))

    def lose_ledger(self) -> None:
        """Delete the ledger's table."""
        self.account.tables.delete_table(self.own_name("ledger"))

    def spoil(self, table: str, partition: str, key: str) -> None:
        """Make a row unreadable."""
        client = self.account.tables.get_table_client(self.own_name(table))
        client.update_entity({"PartitionKey": partition, "RowKey": key, "v": 99})

    def names(self) -> list[str]:
        """Return the names of the customer's blobs."""
        return [blob.name for blob in self.owner.get_container_client(self.own_name("raw")).list_blobs()]

    def see(self, name: str) -> Seen:
        """Return a blob of the customer's container, as it is for programs that believe its headers."""
        return self._see("raw", name)

    def seen_rejected(self) -> dict[str, Seen]:
        """Return the blobs of our container of rejected rows."""
        container = self.owner.get_container_client(self.own_name("rejected"))
        return {blob.name: self._see("rejected", blob.name) for blob in container.list_blobs()}

    def _see(self, container: str, name: str) -> Seen:
        stream = self.owner.get_blob_client(self.own_name(container), name).download_blob()
        settings = stream.properties.content_settings
        assert settings.content_encoding is None, "readers would decompress without being asked"
        return Seen(stream.readall(), settings.content_type, md5_text(settings.content_md5))

    def staged(self, container: str, name: str) -> int:
        """Return how many blocks have arrived."""
        try:
            blob = self.owner.get_blob_client(self.own_name(container), name)
            return len(blob.get_block_list("uncommitted")[1])
        except ResourceNotFoundError:
            return 0

    def stage_foreign(self, name: str) -> None:
        """Send a block as another program does."""
        self.owner.get_blob_client(self.own_name("raw"), name).stage_block("theirs", b"theirs")

    def archive(self, name: str) -> None:
        """Move a blob to the archive tier."""
        landed = self.owner.get_blob_client(self.own_name("landing"), name)
        blob = landed if landed.exists() else self.owner.get_blob_client(self.own_name("raw"), name)
        blob.set_standard_blob_tier("Archive")

    def lose_container(self) -> None:
        """Delete the customer's container."""
        self.owner.delete_container(self.own_name("raw"))

    def sent(self) -> list[HourTask]:
        """Take all messages out of the queue, read as the Functions host and the trigger do."""
        queue = self.account.queues.get_queue_client(self.own_name(EXPORT_HOURS.name))
        messages = list(queue.receive_messages(max_messages=32))
        for message in messages:
            queue.delete_message(message)
        return [EXPORT_HOURS.parse(message.content) for message in messages]


def wait_for_blocks(backend: Backend, container: str, name: str, count: int) -> None:
    """Wait until that many blocks of a blob have arrived: staging returns before they do."""
    for _ in range(1000):
        if backend.staged(container, name) == count:
            return
        time.sleep(0.01)
    raise AssertionError(f"fewer than {count} blocks of {name} arrived")


def a_destination(container: str, sealed: str) -> Destination:
    """Make a destination."""
    return Destination(
        id="acme",
        name="Acme raw events",
        storage=StorageTarget(container),
        credentials=Credentials(CredentialsType.CONNECTION_STRING, sealed),
        created_at=NOW,
        project_id=187520,
    )


@contextmanager
def azurite_backend(
    endpoints: Endpoints, transport: HttpTransport[Any, Any] | None = None
) -> Iterator[AzuriteBackend]:
    """Open the real gateways, and close them."""
    backend = AzuriteBackend(endpoints.connection_string, transport=transport)
    try:
        yield backend
    finally:
        backend.close()


def commit(  # noqa: PLR0913  what a commit says, each by its name
    container: Container, blob: Upload, content: bytes, *, name: str, attempt: str, etag: str | None
) -> None:
    """Commit what was staged of a blob, as an export does at its end."""
    part = Part(name, 0, len(content), md5_base64(content))
    container.commit(StagedFile(part, attempt, blob.arrived()), etag=etag, content_type="application/gzip")
