"""The parameters of the generator, checked."""

from dataclasses import dataclass
from enum import StrEnum

from infra.local.sample.faults import Fault
from infra.local.sample.times import TimeFormat

EVENTS_PER_HOUR_MAX = 10_000_000
# Keeps every login's number within the 37 bits that amplitude ids have room for (see logins.py).
MERGES_PER_HOUR_MAX = 100_000
BLOBS_PER_HOUR_MAX = 100_000
# With fewer events, the faults find no place among the regular rows.
FAULTY_EVENTS_PER_HOUR_MIN = 10
# A blob of about 10 MB: by the compressed size of an event and of a merged id.
_EVENTS_PER_BLOB = 32_000
_MERGES_PER_BLOB = 200_000
_BLOBS_MIN = 3
_EVENTS_PER_MERGE = 100


class DataType(StrEnum):
    """The two kinds of data; the value is also the top folder in the landing container."""

    EVENTS = "events"
    MERGED_IDS = "merged_ids"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The project, the amount of data an hour, and the faults.

    The same recipe and hour give the same bytes. The events do not depend on the number of blobs.
    """

    project_id: int = 187520
    org_id: int = 189524
    seed: int = 1
    events_per_hour: int = 1000
    """Regular events, 0 to 10,000,000. Rows of faults are added to them."""
    merges_per_hour: int | None = None
    """Regular merges; by default one for every hundred events, and at least one if there are events."""
    blobs_per_hour: int | None = None
    """Regular event blobs; by default at least three, each of at most about 10 MB."""
    faults: frozenset[Fault] = frozenset()
    time_format: TimeFormat = TimeFormat.AMPLITUDE
    extra_keys: bool = False
    """Whether half of the events carry the six keys that some sources have beyond the 49."""
    real_shaped: bool = False
    """Whether events have the shape of real ones (shape.py): 55 keys, arrays, and some with loose types."""
    gzip_level: int = 2
    """1 (fastest) to 9; 0 makes all regular blobs plain."""

    def __post_init__(self) -> None:
        if problems := self.problems():
            raise ValueError("; ".join(problems))

    def problems(self) -> list[str]:
        """Return everything that is wrong with the parameters, one sentence each."""
        limits = [
            ("project_id", self.project_id, 1, 2**31 - 1),
            ("org_id", self.org_id, 1, 2**31 - 1),
            ("events_per_hour", self.events_per_hour, 0, EVENTS_PER_HOUR_MAX),
            ("merges_per_hour", self.merges, 0, MERGES_PER_HOUR_MAX),
            (
                "blobs_per_hour",
                1 if self.blobs_per_hour is None else self.blobs_per_hour,
                1,
                BLOBS_PER_HOUR_MAX,
            ),
            ("gzip_level", self.gzip_level, 0, 9),
        ]
        found = [
            f"{name} is {value}, but must be between {low} and {high}"
            for name, value, low, high in limits
            if not low <= value <= high
        ]
        if self.faults and self.events_per_hour < FAULTY_EVENTS_PER_HOUR_MIN:
            found.append(f"faults need at least {FAULTY_EVENTS_PER_HOUR_MIN} events an hour")
        return found

    @property
    def merges(self) -> int:
        """Regular merges an hour."""
        if self.merges_per_hour is not None:
            return self.merges_per_hour
        return -(-self.events_per_hour // _EVENTS_PER_MERGE)

    @property
    def event_blobs(self) -> int:
        """Regular event blobs an hour: at most one for each event."""
        wanted = self.blobs_per_hour or max(_BLOBS_MIN, -(-self.events_per_hour // _EVENTS_PER_BLOB))
        return min(self.events_per_hour, wanted)

    @property
    def merge_blobs(self) -> int:
        """Regular merged-id blobs an hour."""
        return min(self.merges, max(_BLOBS_MIN, -(-self.merges // _MERGES_PER_BLOB)))
