"""Moved destinations: hours that were exported to the container that a destination had before.

They are exported again, to the present container, if landing still has all that they were made of. Otherwise
they stay where they are, as part of an hour in the new container would look like a whole one; unless the
present container holds their files, too, from the time before: then they are adopted there.
"""

from datetime import datetime

from exporter.domain.errors import Fault
from exporter.domain.hour_record import HourRecord
from exporter.domain.marker import Part
from exporter.domain.streams import LandingFingerprint
from exporter.domain.versioned import Versioned
from exporter.export.attempt import Attempt
from exporter.export.lease import HourLease
from exporter.ports import Container, Gateways

STAYS_ELSEWHERE = Fault(
    "landing_incomplete",
    "The hour was exported into another container, and the landing container is not known to hold all of it"
    " any more. It stays where it is.",
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


def stays_elsewhere(attempt: Attempt, found: Versioned[HourRecord] | None) -> bool:
    """Whether an hour that is done, but not for the present container, stays where it is; if so, record that.

    It does if neither landing nor the present container holds all of it.
    """
    if found is None or not found.value.done or landed_whole(attempt.gateways, found.value):
        return False
    if _is_here_too(attempt, found.value):
        return False
    left = found.value.left_elsewhere(attempt.destination.target, STAYS_ELSEWHERE)
    attempt.gateways.ledger.put(left, found.etag)
    return True


def _is_here_too(attempt: Attempt, record: HourRecord) -> bool:
    """Whether the present container holds every part of an hour, as it does if the hour comes back to it."""
    names, parts = attempt.names(), record.content.parts
    return bool(parts) and all(names.is_part(part.name) and _holds(attempt.container, part) for part in parts)


def _holds(container: Container, part: Part) -> bool:
    """Whether a container holds a part with the recorded size and MD5."""
    wanted = (part.name, part.bytes, part.md5)
    return any((blob.name, blob.size, blob.md5) == wanted for blob in container.find(part.name))


def leave_elsewhere(lease: HourLease, target: str, now: datetime) -> None:
    """Close the record of an hour that is whole elsewhere and cannot be exported to a target."""
    lease.write(lambda record: record.finished(now).left_elsewhere(target, STAYS_ELSEWHERE))


def is_whole_elsewhere(attempt: Attempt, record: HourRecord) -> bool:
    """Whether the hour's files went to another container, and nothing of their commit is left to do."""
    origin, journal = record.content.origin, record.journal
    return bool(origin.target) and not attempt.holds(record) and not journal.committing
