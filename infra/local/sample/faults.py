"""The faults of real sources that the generator can produce."""

from enum import StrEnum


class Fault(StrEnum):
    """One kind of fault. Row faults occur among the regular rows; blob faults are blobs of their own."""

    DUPLICATES_IN_BLOB = "duplicates-in-blob"
    """A row occurs again some lines below."""
    DUPLICATES_ACROSS_BLOBS = "duplicates-across-blobs"
    """A row occurs again in a later blob, with other content. The first one is exported."""
    NOT_JSON = "not-json"
    """Lines that are not JSON, or JSON but not an object."""
    NOT_UTF8 = "not-utf8"
    """Lines with bytes that are not UTF-8."""
    MISSING_FIELD = "missing-field"
    """A required field is missing or null."""
    MISSING_OPTIONAL = "missing-optional"
    """Optional fields, dicts or ``app`` are missing. The row is exported."""
    MISTYPED_FIELD = "mistyped-field"
    """A required field has a value without meaning. The row is rejected."""
    AMENDED_FIELD = "amended-field"
    """An optional field has a value without meaning. The row is exported without it; the line is kept."""
    LOOSE_TYPES = "loose-types"
    """Fields have another type with one meaning. The row is exported."""
    FOREIGN_APP = "foreign-app"
    """A row of another project."""
    OUTSIDE_HOUR = "outside-hour"
    """A row uploaded before or after the folder's hour, by as little as a microsecond."""
    HUGE_INTEGER = "huge-integer"
    """Integers beyond 2^53, 2^63 and 2^64. The row is exported."""
    LONE_SURROGATE = "lone-surrogate"
    """Strings with half a surrogate pair, which becomes U+FFFD. The row is exported."""
    DEEP_NESTING = "deep-nesting"
    """A record of exactly 200 levels. The row is exported."""
    TOO_DEEP = "too-deep"
    """A record of 100,000 levels. The row is rejected."""
    BLANK_LINE = "blank-line"
    """Lines that are empty or white space. They are skipped, but count as lines."""
    HUGE_LINE = "huge-line"
    """One line of 10 MB. The row is exported."""
    EMPTY_BLOB = "empty-blob"
    """A blob without bytes, and one that is the gzip of no bytes."""
    PLAIN_BLOB = "plain-blob"
    """A blob that is not compressed, whatever its name says."""
    MULTI_MEMBER_GZIP = "multi-member-gzip"
    """Several gzip members one after the other, cut in the middle of a line."""
    TRUNCATED_GZIP = "truncated-gzip"
    """A gzip that ends early, in the middle of a line, which is one rejected row."""
    NO_LAST_NEWLINE = "no-last-newline"
    """A last line without a newline. The row is exported."""
    CRLF = "crlf"
    """Lines that end in CR LF."""
    BOM = "bom"
    """A byte order mark at the start of the blob and of a file appended to it. Both are skipped."""
    NOT_NDJSON = "not-ndjson"
    """A zip archive, a JSON array, pretty-printed JSON and UTF-16. Each is one rejected row."""
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
# The row faults with huge rows: once an hour, however many rows it has.
HEAVY_FAULTS = frozenset({Fault.TOO_DEEP, Fault.HUGE_LINE})
# The row faults that are possible for merged ids: five integers, no uuid, no project.
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
    """Return the fault with this name, or all whose names begin with the text (``duplicates``)."""
    found = frozenset({fault for fault in Fault if fault == text} or {f for f in Fault if f.startswith(text)})
    if not text or not found:
        raise ValueError(f"there is no fault {text!r}; the faults are: {', '.join(sorted(Fault))}")
    return found
