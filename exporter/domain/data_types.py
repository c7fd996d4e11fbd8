"""Data types: everything that differs between events and merged ids, as one value a type.

A further data type is a member of ``DataType``, its spec in ``DATA_TYPES`` and its codec in
``exporter.pipeline.codecs.CODECS``. No other module asks which type it works on.
"""

from dataclasses import dataclass
from enum import StrEnum

from exporter.domain.row_schema import EVENT_FIELDS, MERGED_ID_FIELDS, Field


class DataType(StrEnum):
    """A kind of row, by its name in the API, in markers and in landing folders."""

    EVENTS = "events"
    MERGED_IDS = "merged_ids"


class Source(StrEnum):
    """What a data type's rows belong to; a destination names at least one of these by its number."""

    PROJECT = "project"
    ORGANIZATION = "organization"

    @property
    def id_key(self) -> str:
        """The key of its number: in a destination, and in the folders of the layout ``hive``."""
        return "project_id" if self is Source.PROJECT else "org_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTypeSpec:
    """What is true of all rows of a data type; ``title`` and ``about`` describe a row in ``GET /schemas``."""

    title: str
    about: str
    fields: tuple[Field, ...]
    """The keys of an exported row, in the order of writing."""
    source: Source
    owner_sign: str
    """Stands before the source's number in file names, so that two types never share a name."""
    numbered_parts: bool
    """An hour has numbered files of bounded size; else it has one file, which late rows rewrite."""
    row_keys: bool
    """A row has a ``uuid``, by which a duplicate is known; else equal rows are different rows."""
    filterable: bool
    """The destination's filter applies."""
    from_activation: bool
    """Hours are owed from the day of activation on; else from the first landed hour on."""

    def __post_init__(self) -> None:
        if self.numbered_parts and not self.row_keys:
            raise ValueError("numbered parts need row keys: late rows are appended without repeating any")


DATA_TYPES: dict[DataType, DataTypeSpec] = {
    DataType.EVENTS: DataTypeSpec(
        title="Event",
        about=(
            "An event: exactly these keys, and always all of them. With `output.extra_keys: keep`, unknown"
            " keys follow. `output.timestamp_format` says how times are written."
        ),
        fields=EVENT_FIELDS,
        source=Source.PROJECT,
        owner_sign="",
        numbered_parts=True,
        row_keys=True,
        filterable=True,
        from_activation=True,
    ),
    DataType.MERGED_IDS: DataTypeSpec(
        title="Merged id",
        about="A merged id: exactly these keys. Times are milliseconds since 1970-01-01 UTC.",
        fields=MERGED_ID_FIELDS,
        source=Source.ORGANIZATION,
        owner_sign="-",
        numbered_parts=False,
        row_keys=False,
        filterable=False,
        from_activation=False,
    ),
}
"""The spec of each data type, in the order in which a destination's streams are listed."""
