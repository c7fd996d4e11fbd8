"""Names in customers' containers belong to one destination: a second one that would write them is refused.

A destination owns the names of its streams (``Destination.names``) from when it is made until it is deleted,
whether it is active or not; those that it had before it was changed, too, because it clears its files there
when it writes their hours anew. They stand in no table of their own: the destinations are compared as they
are stored. Two requests at once are told apart by the versions of their containers' names: each writes its
destination and the next versions in one transaction, so the slower one looks again and finds the faster one.
Nothing is left behind if one of them dies.
"""

from contextlib import suppress
from dataclasses import replace

from exporter.domain.allowed_hosts import blob_endpoint
from exporter.domain.destination import CredentialsType, Destination, Status
from exporter.domain.errors import Conflict, NotPossible
from exporter.ports import Gateways

# Of requests that take names in one container at once, one succeeds in each round.
ROUNDS_MAX = 32


def refuse_taken(gateways: Gateways, destination: Destination) -> None:
    """Raise ``NotPossible`` (``names_taken``) if another destination owns names that this one would write.

    The oldest of those is named.
    """
    names = located(gateways, destination).names
    others = (each.value for each in gateways.destinations.all())
    for other in sorted(others, key=lambda each: (each.created_at, each.id)):
        if other.id == destination.id or other.status is Status.DELETED:
            continue
        if names & located(gateways, other).names:
            raise NotPossible(
                "names_taken",
                f"The destination {other.id} writes the same names, or did before one of the two was changed:"
                " the same account, container, prefix, layout, and project or organization. Choose another"
                " container or prefix, or delete that destination.",
            )


def put_with_names(gateways: Gateways, destination: Destination, etag: str | None) -> str:
    """Write a destination that takes names, unless another one owns them; return its ETag.

    ``etag`` is that of the destination that is replaced.
    """
    places = sorted(located(gateways, destination).containers)
    for _ in range(ROUNDS_MAX):
        versions = _versions(gateways, places)
        refuse_taken(gateways, destination)
        try:
            return gateways.destinations.put_with_names(destination, etag, versions)
        except Conflict:
            if _versions(gateways, places) == versions:
                raise
    raise Conflict(f"the names in the container of {destination.id} are being taken by others")


def _versions(gateways: Gateways, places: list[str]) -> dict[str, str | None]:
    return {place: gateways.destinations.names_version(place) for place in places}


def located(gateways: Gateways, destination: Destination) -> Destination:
    """Return a destination with its account, where that stands in its connection string alone.

    Where the connection string cannot be read, the account stays unknown.
    """
    credentials = destination.credentials
    if destination.storage.account_url or credentials.type is not CredentialsType.CONNECTION_STRING:
        return destination
    field = CredentialsType.CONNECTION_STRING.secret_field or ""
    with suppress(ValueError):
        secret = gateways.cipher.open(credentials.sealed, destination_id=destination.id, field=field)
        return replace(destination, storage=replace(destination.storage, account_url=blob_endpoint(secret)))
    return destination
