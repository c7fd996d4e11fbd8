"""The customers of the demo: a destination for events, and one for merged ids, in containers of their own."""

from dataclasses import dataclass, field

from azure.storage.blob import BlobServiceClient

from exporter.domain import streams
from exporter.domain.hour import Hour
from exporter.domain.hour_record import StreamProgress
from exporter.storage.clients import Account
from exporter.storage.own.specs import schedule_table
from infra.local.demo.readback import File, read_files
from infra.local.sample import DataType, LandingHour


@dataclass(frozen=True, slots=True)
class Accounts:
    """The customers' storage accounts: one that is opened by its key, and one by tokens, over https.

    ``principal`` is the application whose tokens open the second: its tenant, its id and its secret.
    """

    by_key: BlobServiceClient
    connection_string: str = field(repr=False)
    by_token: BlobServiceClient
    account_url: str
    principal: dict[str, str] = field(repr=False)

    def of(self, customer: "Customer") -> BlobServiceClient:
        """Return a customer's account, as its owner sees it."""
        return self.by_token if customer.by_token else self.by_key

    def address(self, customer: "Customer") -> dict[str, str]:
        """Return what a request says of the address; a connection string says it by itself."""
        return {"account_url": self.account_url} if customer.by_token else {}

    def credentials(self, customer: "Customer") -> dict[str, str]:
        """Return what a request says of how to sign in."""
        if customer.by_token:
            return {"type": "service_principal", **self.principal}
        return {"type": "connection_string", "connection_string": self.connection_string}


@dataclass(frozen=True, slots=True)
class Customer:
    """A destination, and the container that its owner reads."""

    id: str
    container: str
    data_type: DataType
    by_token: bool = False

    def source_id(self, hour: LandingHour) -> int:
        """Return the project or organization whose rows it gets."""
        recipe = hour.recipe
        return recipe.project_id if self.data_type is DataType.EVENTS else recipe.org_id

    def request(self, hour: LandingHour, accounts: Accounts) -> dict[str, object]:
        """Return what is put to the API."""
        source = "project_id" if self.data_type is DataType.EVENTS else "org_id"
        return {
            "name": f"Demo: {self.data_type.replace('_', ' ')}",
            self.data_type.value: {source: self.source_id(hour)},
            "storage": {"container": self.container, **accounts.address(self)},
            "credentials": accounts.credentials(self),
        }

    def files(self, accounts: Accounts, hour: LandingHour) -> tuple[list[File], set[str]]:
        """Return the files of an hour, and the names of its completion markers."""
        sign = "" if self.data_type is DataType.EVENTS else "-"
        name = f"{sign}{self.source_id(hour)}_{hour.start:%Y-%m-%d}_{hour.start.hour}"
        with accounts.of(self).get_container_client(self.container) as container:
            files, markers = read_files(container, name)
        # Hour 1 begins as hours 10 to 19 do.
        ours = (f"{name}#", f"{name}.", f"{name}_")
        return [file for file in files if file.name.startswith(ours)], {
            marker for marker in markers if marker == f"{name}_complete"
        }


ALL = (
    Customer("demo-events", "demo-events", DataType.EVENTS, by_token=True),
    Customer("demo-merged-ids", "demo-merged-ids", DataType.MERGED_IDS),
)


def pretend_activated_before(first: LandingHour, connection_string: str) -> None:
    """Let the events' schedule begin with the first hour that was landed.

    A destination that is activated today gets today's events and those to come; the demo wants to show a
    whole day at any time of the day.
    """
    account = Account(connection_string)
    try:
        hour = Hour(first.start)
        for customer in ALL:
            stream = streams.Stream(streams.DataType(customer.data_type), customer.source_id(first))
            key = streams.StreamKey(customer.id, stream)
            schedule_table(account).put(key, StreamProgress(key, hour, hour))
    finally:
        account.close()
