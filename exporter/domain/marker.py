"""The completion marker: a small blob that lists the files of a completely exported hour."""

import json
from dataclasses import asdict, dataclass

from exporter.domain.data_types import DataType
from exporter.domain.hour import Hour


@dataclass(frozen=True, slots=True)
class Part:
    """One output file: ``bytes`` is its (compressed) size, ``md5`` the base64 of its MD5."""

    name: str
    rows: int
    bytes: int
    md5: str


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file that an attempt has staged and not committed yet.

    Its ``blocks``, with ids that contain the ``attempt``, are staged in the customer's container; or it is
    complete in the blob ``spool`` of our own storage, and its blocks are staged later.
    """

    part: Part
    attempt: str
    blocks: int
    spool: str | None = None


@dataclass(frozen=True, slots=True)
class Marker:
    """The content of a marker. It has no wall-clock time: the same files always have the same marker."""

    hour: Hour
    data_type: DataType
    parts: tuple[Part, ...]
    filter_sha256: str | None

    @property
    def rows(self) -> int:
        """The number of rows in all parts."""
        return sum(part.rows for part in self.parts)

    def to_json(self) -> bytes:
        """Return the marker's content: the same value always gives the same bytes."""
        document = {
            "hour": self.hour.key,
            "data_type": self.data_type,
            "rows": self.rows,
            "parts": [asdict(part) for part in self.parts],
            "filter_sha256": self.filter_sha256,
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, content: bytes) -> "Marker":
        """Parse a marker; ValueError if it is not one (a customer's file may have that name)."""
        try:
            document = json.loads(content)
            rows, sha256 = document["rows"], document["filter_sha256"]
            marker = cls(
                hour=Hour.parse(document["hour"]),
                data_type=DataType(document["data_type"]),
                parts=tuple(
                    Part(
                        _typed(str, part["name"]),
                        _typed(int, part["rows"]),
                        _typed(int, part["bytes"]),
                        _typed(str, part["md5"]),
                    )
                    for part in _typed(list, document["parts"])
                ),
                filter_sha256=None if sha256 is None else _typed(str, sha256),
            )
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"not a completion marker: {error!r}") from error
        if rows != marker.rows:
            raise ValueError("not a completion marker: its rows are not the sum of its parts' rows")
        return marker


def _typed[Value](kind: type[Value], value: object) -> Value:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"a {type(value).__name__} where something else belongs")
    return value
