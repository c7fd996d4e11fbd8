"""Streams of rows, their folders in landing, and the fingerprint of the blobs that an hour was made of."""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from exporter.domain.data_types import DATA_TYPES, DataType, DataTypeSpec
from exporter.domain.hour import Hour


@dataclass(frozen=True, slots=True, order=True)
class Stream:
    """All rows of one data type of one source: a project's events, an organization's merged ids."""

    data_type: DataType
    source_id: int

    @property
    def spec(self) -> DataTypeSpec:
        """The spec of its data type."""
        return DATA_TYPES[self.data_type]

    @property
    def owner(self) -> str:
        """The source in file names: ``187520`` for a project, ``-189524`` for an organization."""
        return f"{self.spec.owner_sign}{self.source_id}"

    @property
    def landing_prefix(self) -> str:
        """The landing folder of all hours: ``events/187520/``."""
        return f"{self.data_type}/{self.source_id}/"

    def landing_folder(self, hour: Hour) -> str:
        """Return the landing folder of one hour: ``events/187520/2020/01/25/17/``."""
        return f"{self.landing_prefix}{hour.key.replace('-', '/').replace('T', '/')}/"

    def landing_day(self, hour: Hour) -> str:
        """Return the landing folder of an hour's day: ``events/187520/2020/01/25/``."""
        return f"{self.landing_prefix}{hour.date.replace('-', '/')}/"


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
    """Whether a landing blob of that name holds rows, and is not a file of a tool (``_SUCCESS``)."""
    return not name.rpartition("/")[2].startswith(_NOT_DATA)


@dataclass(frozen=True, slots=True)
class LandingBlob:
    """One blob of the landing container; ``etag`` pins the content that was listed, ``size`` is in bytes.

    ``md5`` (base64) is the content's, where the service knows it.
    """

    name: str
    etag: str
    size: int
    md5: str | None = None

    @property
    def identity(self) -> bytes:
        """Eight bytes of a hash of its name and content.

        A blob that is uploaded again with the same bytes keeps its identity if the service knows its MD5.
        """
        return hashlib.sha256(f"{self.name}\n{self.md5 or self.etag}".encode()).digest()[:_IDENTITY_BYTES]


_IDENTITY_BYTES = 8
# The identities of 4,000 blobs take 43 KB in a ledger row, which can hold 700 KB. Sources land tens an hour.
IDENTITIES_MAX = 4000


@dataclass(frozen=True, slots=True)
class LandingFingerprint:
    """The landing fingerprint of an hour: which blobs its files were made of.

    ``blobs`` counts them, ``sha256`` is a hash of all identities. ``identities`` (base64 of eight bytes each,
    sorted) is None if there are more than ``IDENTITIES_MAX``. ``partial``: the hour was found in the
    container, so its files may be made of other blobs, too.
    """

    blobs: int
    sha256: str
    identities: str | None = None
    partial: bool = False

    @classmethod
    def of(cls, blobs: Iterable[LandingBlob]) -> "LandingFingerprint":
        """Return the fingerprint of blobs; their order does not matter."""
        return cls._of({blob.identity for blob in blobs})

    @classmethod
    def _of(cls, identities: Iterable[bytes]) -> "LandingFingerprint":
        every = sorted(identities)
        together = b"".join(every)
        kept = base64.b64encode(together).decode() if len(every) <= IDENTITIES_MAX else None
        return cls(len(every), hashlib.sha256(together).hexdigest(), kept)

    def each(self) -> frozenset[bytes] | None:
        """Return all identities; None if there were too many to store."""
        if self.identities is None:
            return None
        together = base64.b64decode(self.identities)
        starts = range(0, len(together), _IDENTITY_BYTES)
        return frozenset(together[at : at + _IDENTITY_BYTES] for at in starts)

    def holds(self, other: "LandingFingerprint") -> bool:
        """Whether every blob of the other is known to be in this one; False if that is unknown."""
        if other.partial:
            return False
        if (self.blobs, self.sha256) == (other.blobs, other.sha256):
            return True
        mine, theirs = self.each(), other.each()
        return mine is not None and theirs is not None and theirs <= mine

    def lacks(self, other: "LandingFingerprint") -> bool:
        """Whether some blob of the other is known not to be in this one; False if that is unknown."""
        if other.partial or other.blobs > self.blobs:
            return not other.partial
        mine, theirs = self.each(), other.each()
        return mine is not None and theirs is not None and not theirs <= mine

    def new(self, blobs: Iterable[LandingBlob]) -> tuple[LandingBlob, ...]:
        """Return the blobs that are not known to be in it, in their order."""
        every = tuple(blobs)
        now = LandingFingerprint.of(every)
        if (self.blobs, self.sha256) == (now.blobs, now.sha256):
            return ()
        mine = self.each() or frozenset()
        return tuple(blob for blob in every if blob.identity not in mine)

    def plus(self, blobs: Iterable[LandingBlob]) -> "LandingFingerprint":
        """Return the fingerprint of its blobs and these blobs together."""
        mine = self.each()
        if mine is None:
            return replace(self, blobs=self.blobs + 1, sha256="", partial=True)
        return replace(LandingFingerprint._of(mine | {blob.identity for blob in blobs}), partial=self.partial)
