"""The schema of exported rows: the keys, their kinds, and which are required.

Source: section "Output" of the product's contract; repeated for readers of the files in docs/files.md.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of values, in the words of rejections."""

    STRING = "a string"
    INTEGER = "an integer"
    FLOAT = "a number"
    BOOLEAN = "true or false"
    TIME = "a time"
    UUID = "a UUID"
    DICT = "an object"
    TEXTS = "a string or an array of strings"


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a record. An optional one may be missing or null; a missing dict becomes ``{}``."""

    name: str
    kind: Kind
    required: bool = False


def _fields(kinds: dict[Kind, str], required: frozenset[str]) -> tuple[Field, ...]:
    fields = (Field(name, kind, name in required) for kind, names in kinds.items() for name in names.split())
    return tuple(sorted(fields, key=lambda field: field.name))


EVENT_FIELDS = _fields(
    {
        Kind.STRING: (
            "$insert_id adid amplitude_event_type city country device_brand"
            " device_carrier device_family device_id device_manufacturer device_model device_type dma"
            " event_type idfa ip_address language library os_name os_version platform region start_version"
            " user_id version_name"
        ),
        Kind.TEXTS: "amplitude_attribution_ids",
        Kind.INTEGER: "$schema amplitude_id app event_id session_id",
        Kind.FLOAT: "location_lat location_lng sample_rate",
        Kind.BOOLEAN: "is_attribution_event paying",
        Kind.TIME: (
            "client_event_time client_upload_time event_time processed_time server_received_time"
            " server_upload_time user_creation_time"
        ),
        Kind.UUID: "uuid",
        Kind.DICT: "data event_properties group_properties groups user_properties",
    },
    required=frozenset({"uuid", "event_type", "event_time", "server_upload_time"}),
)
"""The 49 keys of an event, in the order in which they are written.

``app`` is not required: an event of a project's folder that does not name its project gets it filled in.
"""

MERGED_ID_FIELDS = (
    Field("scope", Kind.INTEGER, required=True),
    Field("merge_time", Kind.INTEGER, required=True),
    Field("merge_server_time", Kind.INTEGER, required=True),
    Field("amplitude_id", Kind.INTEGER, required=True),
    Field("merged_amplitude_id", Kind.INTEGER, required=True),
)
"""The five keys of a merged id, in the order in which they are written; times are epoch milliseconds."""


class Reason(StrEnum):
    """Why a row is kept aside. Stable: readers of rejected rows select on it."""

    NOT_NDJSON = "not_ndjson"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    TOO_DEEP = "too_deep"
    TOO_LONG = "too_long"
    FIELD_MISSING = "field_missing"
    WRONG_TYPE = "wrong_type"
    FOREIGN_APP = "foreign_app"
    OUTSIDE_HOUR = "outside_hour"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Rejection:
    """The reason of one row, a sentence that names every key concerned, and these ``keys``."""

    reason: Reason
    detail: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that is stored as rejected or amended: its place, its reason, its original bytes without newline.

    A row too long for memory comes in several pieces with the same position, numbered from 1 by ``piece``;
    they count as one row. ``exported`` marks an amended row: it is exported without the values of its
    mistyped keys. ``blob_bytes``, the size of the landing blob, is set if only the beginning is stored.
    """

    blob: str
    line: int
    rejection: Rejection
    content: bytes
    piece: int = 1
    exported: bool = False
    blob_bytes: int | None = None
