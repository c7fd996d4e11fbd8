"""What goes wrong in reality, and can be asked for."""

from enum import StrEnum


class Fault(StrEnum):
    """One kind of trouble. Row faults strike among the regular rows, blob faults bring blobs of their own."""

    DUPLICATES_IN_BLOB = "duplicates-in-blob"
    """A row again, some lines below."""
    DUPLICATES_ACROSS_BLOBS = "duplicates-across-blobs"
    """A row again in a later blob, with other content: the first one counts."""
    NOT_JSON = "not-json"
    """Lines that are no JSON, or JSON but no object."""
    NOT_UTF8 = "not-utf8"
    """Lines with bytes that are no UTF-8."""
    MISSING_FIELD = "missing-field"
    """A required field is missing or null."""
    MISSING_OPTIONAL = "missing-optional"
    """Optional fields, dicts or ``app`` are missing: fine."""
    MISTYPED_FIELD = "mistyped-field"
    """A required field has a value that means nothing: rejected."""
    AMENDED_FIELD = "amended-field"
    """An optional field has a value that means nothing: exported without it, and kept aside as it came."""
    LOOSE_TYPES = "loose-types"
    """Fields have another type than theirs, and one meaning: fine."""
    FOREIGN_APP = "foreign-app"
    """A row of another project."""
    OUTSIDE_HOUR = "outside-hour"
    """A row uploaded before or after the folder's hour, by as little as a microsecond."""
    HUGE_INTEGER = "huge-integer"
    """Integers beyond 2^53, 2^63 and 2^64: fine."""
    LONE_SURROGATE = "lone-surrogate"
    """Strings with half a surrogate pair: fine, but the half becomes U+FFFD."""
    DEEP_NESTING = "deep-nesting"
    """A record of exactly 200 levels: fine."""
    TOO_DEEP = "too-deep"
    """A record of 100,000 levels: rejected."""
    BLANK_LINE = "blank-line"
    """Lines that are empty or hold only white space: skipped, but they count as lines."""
    HUGE_LINE = "huge-line"
    """One line of 10 MB: fine."""
    EMPTY_BLOB = "empty-blob"
    """A blob of no bytes, and one that is a gzip of nothing."""
    PLAIN_BLOB = "plain-blob"
    """A blob that is not compressed, whatever its name says."""
    MULTI_MEMBER_GZIP = "multi-member-gzip"
    """Several gzip members one after the other, cut in the middle of a line."""
    TRUNCATED_GZIP = "truncated-gzip"
    """A gzip that ends early, in the middle of a line: the torn line is one rejected row."""
    NO_LAST_NEWLINE = "no-last-newline"
    """A last line without a newline, which counts."""
    CRLF = "crlf"
    """Lines that end in CR LF."""
    BOM = "bom"
    """A byte order mark at the start of the blob, and of a file that was joined to it: both are skipped."""
    NOT_NDJSON = "not-ndjson"
    """A zip archive, a JSON array, pretty-printed JSON and UTF-16: a rejected row each."""
    LATE_BLOB = "late-blob"
    """Blobs that arrive after the hour was exported; see ``LandingHour.late_files``."""


# Faults of a single row, placed among the regular rows of events.
ROW_FAULTS = (
    Fault.DUPLICATES_IN_BLOB,
    Fault.DUPLICATES_ACROSS_BLOBS,
    Fault.NOT_JSON,
    Fault.NOT_UTF8,
    Fault.MISSING_FIELD,
    Fault.MISSING_OPTIONAL,
    Fault.MISTYPED_FIELD,
    Fault.AMENDED_FIELD,
    Fault.LOOSE_TYPES,
    Fault.FOREIGN_APP,
    Fault.OUTSIDE_HOUR,
    Fault.HUGE_INTEGER,
    Fault.LONE_SURROGATE,
    Fault.DEEP_NESTING,
    Fault.TOO_DEEP,
    Fault.BLANK_LINE,
    Fault.HUGE_LINE,
)
# Those of them that are heavy: once an hour, however many rows it has.
HEAVY_FAULTS = frozenset({Fault.TOO_DEEP, Fault.HUGE_LINE})
# Those that make sense for merged ids: five integers, no uuid, no project.
MERGE_ROW_FAULTS = (
    Fault.NOT_JSON,
    Fault.NOT_UTF8,
    Fault.MISSING_FIELD,
    Fault.MISTYPED_FIELD,
    Fault.LOOSE_TYPES,
    Fault.OUTSIDE_HOUR,
    Fault.HUGE_INTEGER,
    Fault.BLANK_LINE,
)
# Faults of a whole blob, in the order of their blobs' names.
BLOB_FAULTS = (
    Fault.EMPTY_BLOB,
    Fault.PLAIN_BLOB,
    Fault.MULTI_MEMBER_GZIP,
    Fault.TRUNCATED_GZIP,
    Fault.NO_LAST_NEWLINE,
    Fault.CRLF,
    Fault.BOM,
    Fault.NOT_NDJSON,
)


def named(text: str) -> frozenset[Fault]:
    """Return the faults that the text names: one in full, or all that begin with it (``duplicates``)."""
    found = frozenset({fault for fault in Fault if fault == text} or {f for f in Fault if f.startswith(text)})
    if not text or not found:
        raise ValueError(f"no fault is called {text!r}; there are: {', '.join(sorted(Fault))}")
    return found
