"""Names of our own blobs about an hour: what an attempt keeps, and which of it a later attempt may delete.

Every attempt at an hour has a number, counted in the ledger, and writes only under names that begin with it.
So an attempt that comes to tidy up late, because its process slept, never deletes what a later one keeps.
"""

from exporter.domain.hour import Hour
from exporter.domain.streams import StreamKey

_DIGITS = 6


def folder(key: StreamKey, hour: Hour) -> str:
    """Return where our own blobs about an hour are: ``acme/events/187520/2020-01-25T17/``."""
    return f"{key.destination_id}/{key.stream.data_type}/{key.stream.source_id}/{hour.key}/"


def rejected_folder(key: StreamKey, hour: Hour) -> str:
    """Return where the rejected rows of an hour are: ``acme/events/187520/2020/01/25/17/``."""
    folder = f"{key.destination_id}/{key.stream.data_type}/{key.stream.source_id}"
    return f"{folder}/{hour.start:%Y/%m/%d/%H}/"


def attempt_tag(number: int, claim_id: str) -> str:
    """Return what the names of an attempt's blobs begin with: ``000003-5f0c…``."""
    return f"{number:0{_DIGITS}}-{claim_id}"


def attempt_number(name: str) -> int:
    """Return the number of the attempt that a blob belongs to; 0 if its name has none."""
    digits, hyphen, _ = name.rpartition("/")[2].partition("-")
    return int(digits) if hyphen and len(digits) >= _DIGITS and digits.isdecimal() else 0


def outdated(names: list[str], *, attempt: int, kept: frozenset[str]) -> list[str]:
    """Return which of our own blobs nobody needs once an attempt has closed its hour.

    They are those of that attempt and of earlier ones, but for those that the hour's record names.
    """
    return [name for name in names if name not in kept and attempt_number(name) <= attempt]
