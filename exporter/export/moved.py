"""Moved destinations: hours that were exported to the container that a destination had before.

They are exported again, to the present container, if landing still has all that they were made of. Otherwise
they stay where they are: part of an hour in the new container would look like a whole one.
"""

from datetime import datetime

from exporter.domain.errors import Fault
from exporter.domain.hour_record import HourRecord
from exporter.domain.streams import LandingFingerprint
from exporter.domain.versioned import Versioned
from exporter.export.attempt import Attempt
from exporter.export.lease import HourLease
from exporter.ports import Gateways

STAYS_ELSEWHERE = Fault(
    "landing_incomplete",
    "The hour was exported into another container, and the landing container does not hold all of it any"
    " more. It stays where it is.",
    "Copy its files from the former container, if they are needed in this one.",
)


def landed_whole(gateways: Gateways, record: HourRecord) -> bool:
    """Whether landing is known to have every blob that an exported hour was made of.

    An hour of which no row was read needs none.
    """
    exported = record.content.origin.landing
    if record.content.rows.read == 0:
        return True
    if exported is None:
        return False
    return LandingFingerprint.of(gateways.landing.blobs(record.key.stream, record.hour)).holds(exported)


def stays_elsewhere(gateways: Gateways, found: Versioned[HourRecord] | None, target: str) -> bool:
    """Whether an hour that is done, but not for ``target``, stays where it is; if so, record that."""
    if found is None or not found.value.done or landed_whole(gateways, found.value):
        return False
    gateways.ledger.put(found.value.left_elsewhere(target, STAYS_ELSEWHERE), found.etag)
    return True


def leave_elsewhere(lease: HourLease, target: str, now: datetime) -> None:
    """Close the record of an hour that is whole elsewhere and cannot be exported to a target."""
    lease.write(lambda record: record.finished(now).left_elsewhere(target, STAYS_ELSEWHERE))


def is_whole_elsewhere(attempt: Attempt, record: HourRecord) -> bool:
    """Whether the hour's files went to another container, and nothing of their commit is left to do."""
    origin, journal = record.content.origin, record.journal
    return bool(origin.target) and not attempt.holds(record) and not journal.committing
