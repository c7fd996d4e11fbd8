"""A destination: a customer's container, its credentials, and which data is exported there in which form."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from exporter.domain.allowed_hosts import account_of, same_container
from exporter.domain.data_types import DATA_TYPES, Source
from exporter.domain.file_names import HourNames, NameStyle, Naming, PathLayout
from exporter.domain.filters import EventFilter
from exporter.domain.hour import Hour
from exporter.domain.notifications import Webhook
from exporter.domain.streams import Stream, StreamKey
from exporter.domain.timestamps import TimestampFormat
from exporter.domain.versioned import LEFT_OUT_AT_DEFAULT

ID_PATTERN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
MIB = 1024 * 1024
PART_MIB_DEFAULT = 256
# A block blob takes 50,000 blocks of the 4 MiB that we stage: about 195 GiB. No reader wants files near it.
PART_MIB_MAX = 10_240
# Largest blob that may pass through unchanged: its compressed bytes stay in memory while its lines are
# checked.
WHOLE_BYTES_MAX = 32 * MIB


class ExtraKeys(StrEnum):
    """``output.extra_keys``: whether keys besides the 49 are exported."""

    DROP = "drop"
    KEEP = "keep"


class Compression(StrEnum):
    """``output.compression``: the trade-off between file size and time."""

    BALANCED = "balanced"
    FAST = "fast"
    SMALL = "small"


class Status(StrEnum):
    """The state of a destination.

    ``failing`` is never stored: it follows from the ledger. ``deleted`` is listed only on request.
    """

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    FAILING = "failing"
    DELETED = "deleted"


class CredentialsType(StrEnum):
    """How we sign in to the customer's storage."""

    SERVICE_PRINCIPAL = "service_principal"
    MANAGED_IDENTITY = "managed_identity"
    WORKLOAD_IDENTITY = "workload_identity"
    SAS = "sas"
    CONNECTION_STRING = "connection_string"

    @property
    def secret_field(self) -> str | None:
        """The field of a request that holds the secret; an identity that Azure manages has none."""
        return _SECRET_FIELDS[self]


_SECRET_FIELDS = {
    CredentialsType.SERVICE_PRINCIPAL: "client_secret",
    CredentialsType.MANAGED_IDENTITY: None,
    CredentialsType.WORKLOAD_IDENTITY: None,
    CredentialsType.SAS: "sas_token",
    CredentialsType.CONNECTION_STRING: "connection_string",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to sign in. The secret is here only in encrypted form; what opens a container decrypts it.

    ``sealed`` is empty if the type has no secret. The ids are public, and None where the type has none.
    ``expires_at`` is None if the secret does not say when it expires.
    """

    type: CredentialsType
    sealed: str = field(default="", repr=False)
    tenant_id: str | None = None
    client_id: str | None = None
    expires_at: datetime | None = field(default=None, metadata=LEFT_OUT_AT_DEFAULT)


@dataclass(frozen=True, slots=True)
class StorageTarget:
    """Where the files go. Only a connection string names the account by itself; others need its URL."""

    container: str
    account_url: str | None = None
    prefix: str = ""

    @property
    def place(self) -> str:
        """Account and container as storage sees them: ``acme.blob.core.windows.net|raw``.

        The account is empty if only the connection string knows it.
        """
        return f"{account_of(self.account_url) if self.account_url else ''}|{self.container}"

    @property
    def target(self) -> str:
        """Account, container and prefix as storage sees them, one text for all ways to write them."""
        return f"{self.place}|{self.prefix}"


@dataclass(frozen=True, slots=True)
class EarlierPlace:
    """Where a destination's files went ``until`` it was changed: account and container, prefix and layout."""

    container: str
    prefix: str
    layout: PathLayout
    until: datetime


# A worker that began before a change may go on for so long with what it has read.
CHANGE_SETTLES = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Output:
    """The form of the files."""

    name_style: NameStyle = NameStyle.AMPLITUDE
    path_layout: PathLayout = PathLayout.FLAT
    timestamp_format: TimestampFormat = TimestampFormat.ISO8601
    extra_keys: ExtraKeys = ExtraKeys.DROP
    completion_marker: bool = True
    max_part_mib: int = PART_MIB_DEFAULT
    compression: Compression = Compression.BALANCED

    @property
    def part_bytes_max(self) -> int:
        """The size of a part, in compressed bytes, at which the next part begins."""
        return self.max_part_mib * MIB


@dataclass(frozen=True, slots=True)
class Destination:
    """A destination as it is stored; what is derived from the ledger is not in it."""

    id: str
    name: str
    storage: StorageTarget
    credentials: Credentials
    created_at: datetime
    project_id: int | None = None
    org_id: int | None = None
    output: Output = field(default_factory=Output)
    status: Status = Status.DRAFT
    activated_at: datetime | None = None
    events_since: datetime | None = None
    """The day from which its events are owed, if it is not the one of its activation.

    Its activation named an earlier day, or its project was chosen later.
    """
    event_filter: EventFilter | None = None
    """The filter of its events; None for all events. Merged ids are never filtered."""
    webhook: Webhook | None = None
    """The webhook that gets the notifications of this destination; None for no webhook."""
    earlier: tuple[EarlierPlace, ...] = ()
    """Where its files went before it was changed, the oldest first."""

    def __post_init__(self) -> None:
        if not ID_PATTERN.fullmatch(self.id):
            raise ValueError(f"not a destination id: {self.id!r}")
        if self.project_id is None and self.org_id is None:
            raise ValueError("a destination needs a project or an organization")

    @property
    def streams(self) -> tuple[StreamKey, ...]:
        """The streams it receives: events, merged ids, or both."""
        numbers = {Source.PROJECT: self.project_id, Source.ORGANIZATION: self.org_id}
        return tuple(
            StreamKey(self.id, Stream(data_type, number))
            for data_type, spec in DATA_TYPES.items()
            if (number := numbers[spec.source]) is not None
        )

    def filter_of(self, stream: Stream) -> EventFilter | None:
        """Return the filter of a stream; None for merged ids, which are never filtered."""
        return self.event_filter if stream.spec.filterable else None

    def naming(self, stream: Stream) -> Naming:
        """Return the naming of its files of a stream."""
        return Naming(stream, self.storage.prefix, self.output.name_style, self.output.path_layout)

    @property
    def container_id(self) -> str:
        """The account and container that its files go to, as storage sees them."""
        return self.storage.place

    @property
    def target(self) -> str:
        """The account, container and prefix that its files go to, as storage sees them."""
        return self.storage.target

    def hour_names(self, stream: Stream, hour: Hour) -> HourNames:
        """Return all names that the hour's files may have in its container, the current ones first.

        Both styles count, and each place that the destination had when the hour could be exported.
        """
        now = self.naming(stream)
        places = [
            replace(now, prefix=each.prefix, layout=each.layout)
            for each in self.earlier
            if same_container(each.container, self.container_id) and hour.start < each.until + CHANGE_SETTLES
        ]
        return HourNames(hour, now, tuple(places))

    def moved_from(self, before: "Destination", now: datetime) -> "Destination":
        """Return this destination as the successor of an earlier one: where its files went is kept."""
        was = EarlierPlace(before.container_id, before.storage.prefix, before.output.path_layout, now)
        places = {(each.container, each.prefix, each.layout): each for each in before.earlier}
        if before.activated_at is not None:
            places[was.container, was.prefix, was.layout] = was
        # A draft can be changed once more before it writes to its place: what lies there stays known.
        if self.activated_at is not None:
            places.pop((self.container_id, self.storage.prefix, self.output.path_layout), None)
        return replace(self, earlier=tuple(places.values()))

    @property
    def names(self) -> frozenset[str]:
        """What no other destination may write: the roots of its streams' names, each with its container.

        Names of earlier places are among them: when an hour is replaced, its files there are deleted.
        """
        found = set()
        for now in (self.naming(key.stream) for key in self.streams):
            found.add(f"{self.container_id}|{now.root}")
            for each in self.earlier:
                found.add(f"{each.container}|{replace(now, prefix=each.prefix, layout=each.layout).root}")
        return frozenset(found)

    @property
    def containers(self) -> frozenset[str]:
        """The containers (``account|container``) in which it owns names."""
        return frozenset({self.container_id, *(each.container for each in self.earlier)})

    def first_hour_of_events(self) -> Hour:
        """Return 00:00 UTC of the day of activation, or of the day when the project was chosen, if later."""
        since = self.events_since or self.activated_at
        if since is None:
            raise ValueError(f"destination {self.id} was never activated")
        return Hour.containing(since).first_of_day()
