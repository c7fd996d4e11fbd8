"""Generate landing data for the demo, the tests and the benchmarks; the same seed gives the same data.

    sample = Sample(project_id=187520, org_id=189524, events_per_hour=1000, faults=frozenset({Fault.CRLF}))
    hour = sample.hour(datetime(2026, 1, 31, 13, tzinfo=UTC))
    to_container(container, hour)               # or to_folder(path, hour), or hour.files(DataType.EVENTS)
    to_container(container, hour.late_files())  # with Fault.LATE_BLOB
    hour.truth().counts()                       # also .event_ids(), .digest(), .records(), .rejected()
    hour.truth(DataType.MERGED_IDS)             # the same for merged ids; hour.late_truth() for late files

On the command line: ``python -m infra.local.sample --help``.
"""

from infra.local.sample.faults import Fault
from infra.local.sample.landing import LandingFile, LandingHour
from infra.local.sample.recipe import DataType
from infra.local.sample.sample import Sample
from infra.local.sample.times import TimeFormat
from infra.local.sample.truth import Counts, Digest, RejectedLine, Truth, number_of
from infra.local.sample.writers import Written, to_container, to_folder

__all__ = [
    "Counts",
    "DataType",
    "Digest",
    "Fault",
    "LandingFile",
    "LandingHour",
    "RejectedLine",
    "Sample",
    "TimeFormat",
    "Truth",
    "Written",
    "number_of",
    "to_container",
    "to_folder",
]
