"""Customers' containers behind servers of ours: how they are opened, and every kind of call to them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from exporter.domain.allowed_hosts import NO_OWN_CONTAINERS, AllowedHosts, OwnContainers
from exporter.domain.destination import Destination
from exporter.ports import Container
from exporter.storage.blocks import BlockPool
from exporter.storage.clients import RetryPolicy
from exporter.storage.customer.containers import CustomerContainers
from exporter.storage.customer.credentials import ClientSettings
from tests.contract.backends import CIPHER, a_destination, commit

KEY_TEXT = "c2VjcmV0LWFjY291bnQta2V5LXNlY3JldA=="
SIGNATURE = "c2VjcmV0LXNpZ25hdHVyZQ"
ONCE = RetryPolicy(connect_seconds=1, read_seconds=1, retries=0, connect_retries=0, first_wait_seconds=0)
AUTHORITY = "https://login.invalid"
HOSTS = AllowedHosts(("127.0.0.1", "*.invalid"))


def by_key(url: str, key: str = KEY_TEXT) -> str:
    """Return a connection string with an account key, for all services at one address."""
    services = "".join(f"{name}Endpoint={url}/acme;" for name in ("Blob", "Queue", "Table"))
    return f"AccountName=acme;AccountKey={key};{services}"


def by_signature(url: str) -> str:
    """Return a connection string with a shared access signature, which goes into every URL."""
    return f"BlobEndpoint={url}/acme;SharedAccessSignature=sv=2026-01-01&sig={SIGNATURE}"


def sealed(connection_string: str) -> Destination:
    """Return a destination with that connection string."""
    secret = CIPHER.seal(connection_string, destination_id="acme", field="connection_string")
    return a_destination("raw", secret)


@contextmanager
def customers(
    retry: RetryPolicy = ONCE, own: OwnContainers = NO_OWN_CONTAINERS
) -> Iterator[CustomerContainers]:
    """Open customers' containers, and close them."""
    pool = BlockPool()
    containers = CustomerContainers(CIPHER, HOSTS, pool, ClientSettings.new(AUTHORITY, retry), own)
    try:
        yield containers
    finally:
        pool.close()
        containers.close()


@contextmanager
def container_at(connection_string: str, retry: RetryPolicy = ONCE) -> Iterator[Container]:
    """Open the container of a customer with that connection string."""
    with customers(retry) as containers:
        yield containers.open(sealed(connection_string))


def upload(container: Container, name: str = "part") -> None:
    """Upload a block."""
    with container.upload(name, attempt="first") as blob:
        blob.stage(b"content")
        commit(container, blob, b"content", name=name, attempt="first", etag=None)


CALLS: dict[str, Callable[[Container], object]] = {
    "find": lambda container: container.find(""),
    "read": lambda container: container.read("marker"),
    "put": lambda container: container.put("marker", b"{}", content_type="text/plain", etag=None),
    "upload": upload,
    "delete": lambda container: container.delete("marker", etag='"1"'),
}
