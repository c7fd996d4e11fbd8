"""Stored values with the ETags to change them by, and rows that cannot be read."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

# The metadata of a stored dataclass's field that came after a release: it is stored only with another value
# than its default, so that each release reads the rows of the other.
LEFT_OUT_AT_DEFAULT = MappingProxyType({"left_out_at_default": True})
_TAG_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """A blob in a customer's container: ``size`` in bytes, ``md5`` in base64 if the service knows it."""

    name: str
    etag: str
    size: int
    md5: str | None


@dataclass(frozen=True, slots=True)
class SmallBlob:
    """A small blob, read whole: ``body`` is its content."""

    etag: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Versioned[Value]:
    """A stored value and the ETag to change it by."""

    value: Value
    etag: str

    @property
    def tag(self) -> str:
        """The ETag as it is shown over HTTP: opaque and strong, since weak ones never match an If-Match."""
        return f'"{hashlib.sha256(self.etag.encode()).hexdigest()[:_TAG_CHARACTERS]}"'

    def matches(self, if_match: str) -> bool:
        """Whether an If-Match or If-None-Match header matches this version: it lists the tag, or ``*``."""
        return {"*", self.tag} & {tag.strip() for tag in if_match.split(",")} != set()


@dataclass(frozen=True, slots=True, order=True)
class Unreadable:
    """A stored row that cannot be read: its ``table``, its ``key``, the ``column`` at fault, and ``why``.

    ``key`` is the partition and the row key: ``destination / acme``. ``why`` may quote the
    content of the column: it is for the log only, never for an answer.
    """

    table: str
    key: str
    column: str
    why: str

    @property
    def row_key(self) -> str:
        """The row key: the id of a destination, or a stream."""
        return self.key.partition(" / ")[2]

    def __str__(self) -> str:
        return f"table {self.table}, row {self.key}, column {self.column}: {self.why}"


class UnreadableRowError(ValueError):
    """A single row that was asked for cannot be read; a list of rows leaves it out instead: see ``Rows``."""

    def __init__(self, row: Unreadable) -> None:
        super().__init__(str(row))
        self.row = row


class Rows[Value](list[Value]):
    """The rows of a table that can be read; ``unreadable`` are the others.

    The rule for every list of rows: an unreadable row affects only its own destination, stream or hour. It is
    left out, never replaced by a default, and reported by its key.
    """

    def __init__(self, rows: Iterable[Value] = (), unreadable: Iterable[Unreadable] = ()) -> None:
        super().__init__(rows)
        self.unreadable = tuple(unreadable)


class Page[Value](Rows[Value]):
    """A page of a long list; the next one begins after the key ``next_after``, None on the last page."""

    def __init__(
        self,
        rows: Iterable[Value] = (),
        unreadable: Iterable[Unreadable] = (),
        next_after: str | None = None,
    ) -> None:
        super().__init__(rows, unreadable)
        self.next_after = next_after


class RowsByKey[Key, Value](dict[Key, Value]):
    """The same, by key."""

    def __init__(self, rows: Mapping[Key, Value], unreadable: Iterable[Unreadable] = ()) -> None:
        super().__init__(rows)
        self.unreadable = tuple(unreadable)
