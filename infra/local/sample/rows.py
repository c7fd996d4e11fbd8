"""Rows that are generated one by one, faulty ones and good ones, each with the expected outcome."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from infra.local.sample.faults import Fault

_EVENT_KEYS = (
    "$insert_id $schema adid amplitude_attribution_ids amplitude_event_type amplitude_id app city "
    "client_event_time client_upload_time country data device_brand device_carrier device_family device_id "
    "device_manufacturer device_model device_type dma event_id event_properties event_time event_type "
    "group_properties groups idfa ip_address is_attribution_event language library location_lat location_lng "
    "os_name os_version paying platform processed_time region sample_rate server_received_time "
    "server_upload_time session_id start_version user_creation_time user_id user_properties uuid "
    "version_name"
)
EVENT_KEYS = tuple(_EVENT_KEYS.split())
REQUIRED_KEYS = ("uuid", "event_type", "event_time", "server_upload_time")
DICT_KEYS = ("data", "event_properties", "group_properties", "groups", "user_properties")
MERGE_KEYS = ("scope", "merge_time", "merge_server_time", "amplitude_id", "merged_amplitude_id")


class Verdict(StrEnum):
    """The expected outcome of a line."""

    EXPORTED = "exported"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Row:
    """A line without its newline; ``identity`` is its uuid (for a merge both ids) if it is exported.

    ``meant`` is the line with proper types, if this one has other types: both are exported as the same row.
    If it is ``amended``, the line is also kept among the rejected rows.
    """

    line: bytes
    verdict: Verdict
    fault: Fault | None = None
    identity: str = ""
    meant: bytes = b""
    amended: bool = False


@dataclass(frozen=True, slots=True)
class Spot:
    """The place of a faulty row: before the regular row ``at`` of the blob with ``first`` to ``end``."""

    first: int
    at: int
    end: int


class Rows(Protocol):
    """The rows of one data type and hour: regular ones by number, and others on demand."""

    @property
    def regular(self) -> int:
        """The number of regular rows. They are numbered from 0."""

    @property
    def variants(self) -> Mapping[Fault, int]:
        """The number of variants of each row fault."""

    def lines(self, first: int, end: int) -> Iterator[bytes]:
        """Yield regular rows, several lines at once, each with its newline."""

    def meant(self, first: int, end: int) -> Iterator[bytes]:
        """Yield regular rows with the types of their keys, line by line, without newlines."""

    def identities(self, first: int, end: int) -> Iterator[str]:
        """Yield the identities of regular rows."""

    def beyond(self, ordinal: int) -> Row:
        """Return a good row besides the regular ones."""

    def repeated(self, number: int) -> Row | None:
        """Return a regular row again, as a duplicate; None if the data type has no duplicates."""

    def faulty(self, fault: Fault, variant: int, spot: Spot, extras: Iterator[int]) -> list[Row]:
        """Return the faulty row, possibly after a good one; empty if the fault is impossible here."""


_SURROGATE = re.compile("[\ud800-\udfff]")


def without_surrogates(value: object) -> object:
    """Return the value with every lone surrogate replaced by U+FFFD, in keys, too."""
    match value:
        case str():
            return _SURROGATE.sub("\ufffd", value)
        case list():
            return [without_surrogates(each) for each in value]
        case dict():
            return {_SURROGATE.sub("\ufffd", key): without_surrogates(each) for key, each in value.items()}
    return value
