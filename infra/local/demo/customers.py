"""The demo's customers: their destinations, each with its container."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from azure.storage.blob import BlobServiceClient

from exporter.domain import data_types, streams
from exporter.domain.hour import Hour
from exporter.domain.stream_progress import StreamProgress
from exporter.storage.clients import Account
from exporter.storage.own.specs import schedule_table
from infra.local.demo.readback import File, read_files
from infra.local.sample import DataType, LandingHour


@dataclass(frozen=True, slots=True)
class Accounts:
    """The customers' storage accounts: one accepts its key, the other accepts tokens over https.

    ``principal`` is the application whose tokens the second accepts: tenant id, client id and secret.
    """

    by_key: BlobServiceClient
    connection_string: str = field(repr=False)
    by_token: BlobServiceClient
    account_url: str
    principal: dict[str, str] = field(repr=False)

    def of(self, customer: "Customer") -> BlobServiceClient:
        """Return a client of a customer's account."""
        return self.by_token if customer.by_token else self.by_key

    def address(self, customer: "Customer") -> dict[str, str]:
        """Return the address for a request; empty if the connection string has it."""
        return {"account_url": self.account_url} if customer.by_token else {}

    def credentials(self, customer: "Customer") -> dict[str, str]:
        """Return the credentials for a request."""
        if customer.by_token:
            return {"type": "service_principal", **self.principal}
        return {"type": "connection_string", "connection_string": self.connection_string}


@dataclass(frozen=True, slots=True)
class Customer:
    """A destination and its container."""

    id: str
    container: str
    data_type: DataType
    by_token: bool = False
    name: str = ""
    """By default it says the data type."""
    event_filter: dict[str, object] | None = None

    def source_id(self, hour: LandingHour) -> int:
        """Return the id of the project or organization whose rows it gets."""
        recipe = hour.recipe
        return recipe.project_id if self.data_type is DataType.EVENTS else recipe.org_id

    def request(self, hour: LandingHour, accounts: Accounts) -> dict[str, object]:
        """Return the body of the PUT that creates the destination."""
        source = "project_id" if self.data_type is DataType.EVENTS else "org_id"
        chosen = {"filter": self.event_filter} if self.event_filter else {}
        return {
            "name": self.name or f"Demo: {self.data_type.replace('_', ' ')}",
            self.data_type.value: {source: self.source_id(hour), **chosen},
            "storage": {"container": self.container, **accounts.address(self)},
            "credentials": accounts.credentials(self),
        }

    def files(self, accounts: Accounts, hour: LandingHour) -> tuple[list[File], set[str]]:
        """Return the files of an hour, and the names of its completion markers."""
        sign = "" if self.data_type is DataType.EVENTS else "-"
        name = f"{sign}{self.source_id(hour)}_{hour.start:%Y-%m-%d}_{hour.start.hour}"
        with accounts.of(self).get_container_client(self.container) as container:
            files, markers = read_files(container, name)
        # The name of hour 1 is also the beginning of the names of hours 10 to 19.
        ours = (f"{name}#", f"{name}.", f"{name}_")
        return [file for file in files if file.name.startswith(ours)], {
            marker for marker in markers if marker == f"{name}_complete"
        }


# Their hours are printed and checked.
ALL = (
    Customer("demo-events", "demo-events", DataType.EVENTS, by_token=True),
    Customer("demo-merged-ids", "demo-merged-ids", DataType.MERGED_IDS),
)

# Destinations that need a person: only the console and the API show them.
# It is mended on its page: its customer has another container by now.
MOVED = "demo-moved"
FAILING = Customer(
    "demo-unreachable", "demo-unreachable", DataType.EVENTS, name=f"Demo: container is {MOVED} now"
)
# Empty, for a destination that a person makes.
OWN = "demo-own"
PAUSED = Customer(
    "demo-purchases",
    "demo-purchases",
    DataType.EVENTS,
    name="Demo: purchases only",
    event_filter={"all": [{"property": "event_type", "operator": "contains", "values": ["purchase"]}]},
)


def pretend_activated_before(
    first: LandingHour, connection_string: str, customers: Iterable[Customer] = ALL
) -> None:
    """Let the schedules begin with the first landed hour.

    A destination that is activated today gets the events of today and later. The demo shows a whole day,
    whatever the time is.
    """
    account = Account(connection_string)
    try:
        hour = Hour(first.start)
        for customer in customers:
            stream = streams.Stream(data_types.DataType(customer.data_type), customer.source_id(first))
            key = streams.StreamKey(customer.id, stream)
            schedule_table(account).put(key, StreamProgress(key, hour, hour))
    finally:
        account.close()
