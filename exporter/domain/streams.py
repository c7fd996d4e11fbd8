"""What is exported: streams of rows, and where each lies in the landing container."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from exporter.domain.hours import Hour


class DataType(StrEnum):
    """The two kinds of rows."""

    EVENTS = "events"
    MERGED_IDS = "merged_ids"


@dataclass(frozen=True, slots=True, order=True)
class Stream:
    """All rows of one data type of one source: a project's events, an organization's merged ids."""

    data_type: DataType
    source_id: int

    @property
    def owner(self) -> str:
        """How file names call the source: ``187520`` for a project, ``-189524`` for an organization."""
        return str(self.source_id) if self.data_type is DataType.EVENTS else f"-{self.source_id}"

    @property
    def landing_prefix(self) -> str:
        """The landing folder of all hours: ``events/187520/``."""
        return f"{self.data_type}/{self.source_id}/"

    def landing_folder(self, hour: Hour) -> str:
        """Return the landing folder of one hour: ``events/187520/2020/01/25/17/``."""
        return f"{self.landing_prefix}{hour.key.replace('-', '/').replace('T', '/')}/"


@dataclass(frozen=True, slots=True, order=True)
class StreamKey:
    """A stream as one destination receives it: the unit that has a ledger and a schedule.

    The source is part of the key: if a destination is pointed at another project, the hours of the old
    one say nothing about the new one.
    """

    destination_id: str
    stream: Stream

    def __str__(self) -> str:
        """``acme:events:187520``: unique, and legal in a table key."""
        return f"{self.destination_id}:{self.stream.data_type}:{self.stream.source_id}"


# Tools leave names such as _SUCCESS, _committed_1 and .part-0.crc beside the data that they wrote.
_NOT_DATA = (".", "_")


def is_data(name: str) -> bool:
    """Whether a landing blob of that name holds rows; the last part of tools' own names begins otherwise."""
    return not name.rpartition("/")[2].startswith(_NOT_DATA)


@dataclass(frozen=True, slots=True)
class LandingBlob:
    """One blob of the landing container; ``etag`` pins the content that was listed, ``size`` is in bytes."""

    name: str
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class Listing:
    """What an hour's landing folder held when it was read: how many blobs, and a hash of names and ETags."""

    blobs: int
    sha256: str

    @classmethod
    def of(cls, blobs: Iterable[LandingBlob]) -> "Listing":
        """Return the listing of blobs, which are in landing order."""
        count, digest = 0, hashlib.sha256()
        for count, blob in enumerate(blobs, start=1):  # noqa: B007  the last number is the count
            digest.update(f"{blob.name}\n{blob.etag}\n".encode())
        return cls(count, digest.hexdigest())
