"""Why a backfill waits or has ended, in words for the person who requested it."""

from exporter.domain.backfill import FAILED_MAX, Backfill
from exporter.domain.destination import Destination
from exporter.domain.errors import Fault

TOO_MANY_FAILED = Fault(
    code="too_many_failed_hours",
    message=f"The backfill was stopped because {FAILED_MAX} of its hours have failed.",
    fix=(
        "Repair the errors of these hours, then retry the backfill: it continues where it stopped. If landing"
        " does not hold these hours any more, request a range that begins later, or set allow_loss."
    ),
)


def deleted(backfill: Backfill) -> Fault:
    """Return the fault of a backfill whose destination was deleted."""
    return Fault(
        code="destination_deleted",
        message=f"The destination {backfill.destination_id} was deleted.",
        fix="Create the destination again, then request a new backfill.",
    )


def redirected(destination: Destination) -> Fault:
    """Return the fault of a backfill whose destination receives another project or organization now."""
    return Fault(
        code="source_changed",
        message=f"The destination {destination.id} does not receive all of these streams any more.",
        fix="Request a new backfill of the streams that it receives now.",
    )


def inactive(destination: Destination) -> Fault:
    """Return the fault of a backfill that waits because its destination is paused."""
    return Fault(
        code="destination_not_active",
        message=f"The destination {destination.id} is not active: the backfill waits.",
        fix=f"Resume the destination: POST /api/destinations/{destination.id}/resume.",
    )


def failing(destination: Destination) -> Fault:
    """Return the fault of a backfill that waits because the customer's storage refuses files."""
    return Fault(
        code="destination_failing",
        message=f"The storage of the destination {destination.id} refuses files: the backfill waits.",
        fix="Repair the destination's last_error; the backfill then continues by itself.",
    )
