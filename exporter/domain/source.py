"""A source: the Export API of one project, which the puller asks hour by hour to fill landing."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from exporter.domain.data_types import DataType
from exporter.domain.hour import Hour, last_closed_hour
from exporter.domain.streams import Stream

ID_PATTERN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
# The field of a request that holds the secret, and what its sealed form is bound to.
SECRET_FIELD = "secret_key"  # noqa: S105  the name of a field
LAG_MINUTES_DEFAULT = 120
LAG_MINUTES_MIN = 60
LAG_MINUTES_MAX = 1440
REPULL_HOURS_DEFAULT = (24, 72)
REPULLS_MAX = 24


class SourceType(StrEnum):
    """``type``: which API is asked."""

    AMPLITUDE_EXPORT = "amplitude_export"


class Region(StrEnum):
    """``region``: where the project's data is."""

    US = "us"
    EU = "eu"


BASE_URLS = {Region.US: "https://amplitude.com", Region.EU: "https://analytics.eu.amplitude.com"}


class SourceStatus(StrEnum):
    """The state of a source.

    ``failing`` is never stored: it follows from ``SourceHealth``. ``deleted`` keeps the history readable.
    """

    ACTIVE = "active"
    PAUSED = "paused"
    FAILING = "failing"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source as it is stored; what follows from its hours is not in it.

    ``sealed`` is the encrypted secret key, bound to the source's id and ``SECRET_FIELD``; it is empty once
    the source is deleted. ``repull_hours`` are the hours from the moment when an hour was closed to each
    time at which it is pulled again.
    """

    id: str
    project_id: int
    api_key: str
    sealed: str = field(repr=False)
    start: Hour
    created_at: datetime
    region: Region = Region.US
    base_url: str | None = None
    lag_minutes: int = LAG_MINUTES_DEFAULT
    repull_hours: tuple[int, ...] = REPULL_HOURS_DEFAULT
    type: SourceType = SourceType.AMPLITUDE_EXPORT
    status: SourceStatus = SourceStatus.ACTIVE

    def __post_init__(self) -> None:
        if not ID_PATTERN.fullmatch(self.id):
            raise ValueError(f"not a source id: {self.id!r}")

    @property
    def stream(self) -> Stream:
        """The stream whose landing folders it fills."""
        return Stream(DataType.EVENTS, self.project_id)

    @property
    def url(self) -> str:
        """The base URL of the API, without a slash at its end."""
        return (self.base_url or BASE_URLS[self.region]).rstrip("/")

    @property
    def lag(self) -> timedelta:
        """How long after its end an hour is due."""
        return timedelta(minutes=self.lag_minutes)

    def due_at(self, hour: Hour) -> datetime:
        """Return when an hour is due for the first time."""
        return hour.end + self.lag

    def last_due(self, now: datetime) -> Hour:
        """Return the newest hour that is due; it may be before ``start``."""
        return last_closed_hour(now, self.lag)

    def repull_after(self, closed_at: datetime, pulled_at: datetime) -> datetime | None:
        """Return when an hour is pulled again next; None if no further time is left.

        ``closed_at`` is when it was closed, ``pulled_at`` when its latest pull began, which counts for each
        time before it.
        """
        times = (closed_at + timedelta(hours=hours) for hours in self.repull_hours)
        return min((time for time in times if time > pulled_at), default=None)
