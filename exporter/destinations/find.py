"""Finding a destination by its id."""

from exporter.domain.destination import ID_PATTERN, Destination, Status
from exporter.domain.errors import NotFound
from exporter.domain.versioned import Versioned
from exporter.ports import Destinations


def find_destination(destinations: Destinations, destination_id: str) -> Versioned[Destination]:
    """Return a destination, or raise ``NotFound`` if it does not exist or is deleted."""
    found = find_history(destinations, destination_id)
    if found.value.status is Status.DELETED:
        raise NotFound(
            "destination_deleted",
            f"The destination {destination_id} was deleted; its hours can still be listed.",
        )
    return found


def find_history(destinations: Destinations, destination_id: str) -> Versioned[Destination]:
    """Return a destination, also a deleted one, or raise ``NotFound``."""
    if not ID_PATTERN.fullmatch(destination_id):
        # The text is not repeated: it may be anything, a secret too.
        raise NotFound("destination_not_found", "There is no destination of that name.")
    found = destinations.get(destination_id)
    if found is None:
        raise NotFound("destination_not_found", f"There is no destination {destination_id}.")
    return found
