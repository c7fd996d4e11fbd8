"""File names in customers' containers: no two destinations may write the same ones.

A destination owns the names of its streams (``Destination.names``) from its creation until its deletion,
also as a draft and while paused. It keeps the names that it had before an edit, because an export of an old
hour deletes the files there.

There is no table of claims: destinations are compared as they are stored. Concurrent requests are serialised
by a version for each container: one transaction writes the destination and the next versions, so the slower
request conflicts, reads again, and finds the faster one. A crash leaves nothing behind.
"""

from contextlib import suppress
from dataclasses import replace

from exporter.domain.allowed_hosts import blob_endpoint
from exporter.domain.destination import CredentialsType, Destination, Status
from exporter.domain.errors import Conflict, NotPossible
from exporter.ports import Cipher, Destinations

# Of the requests that claim names in one container at once, one succeeds in each round.
ROUNDS_MAX = 32


def check_unclaimed(destinations: Destinations, cipher: Cipher, destination: Destination) -> None:
    """Raise ``NotPossible`` (``names_taken``) if another destination owns a name that this one would write.

    The message names the oldest owner.
    """
    names = with_account(cipher, destination).names
    others = (each.value for each in destinations.all())
    for other in sorted(others, key=lambda each: (each.created_at, each.id)):
        if other.id == destination.id or other.status is Status.DELETED:
            continue
        if names & with_account(cipher, other).names:
            raise NotPossible(
                "names_taken",
                f"The destination {other.id} owns the same file names, now or from before a change: the same"
                " account, container, prefix, layout, and project or organization. Choose another container"
                " or prefix, or delete that destination.",
            )


def put_and_claim(
    destinations: Destinations, cipher: Cipher, destination: Destination, etag: str | None
) -> str:
    """Write a destination and claim its names, unless another one owns them; return the new ETag.

    ``etag`` is the ETag of the stored destination, None if there is none. ``Conflict`` if it has changed.
    """
    containers = sorted(with_account(cipher, destination).containers)
    for _ in range(ROUNDS_MAX):
        versions = _versions(destinations, containers)
        check_unclaimed(destinations, cipher, destination)
        try:
            return destinations.put_with_names(destination, etag, versions)
        except Conflict:
            if _versions(destinations, containers) == versions:
                raise
    raise Conflict(f"other requests keep claiming names in the container of {destination.id}")


def _versions(destinations: Destinations, containers: list[str]) -> dict[str, str | None]:
    return {each: destinations.names_version(each) for each in containers}


def with_account(cipher: Cipher, destination: Destination) -> Destination:
    """Return a destination with its account URL, which may stand only in its connection string.

    The URL stays None if the connection string cannot be read.
    """
    credentials = destination.credentials
    if destination.storage.account_url or credentials.type is not CredentialsType.CONNECTION_STRING:
        return destination
    field = CredentialsType.CONNECTION_STRING.secret_field or ""
    with suppress(ValueError):
        secret = cipher.open(credentials.sealed, destination_id=destination.id, field=field)
        return replace(destination, storage=replace(destination.storage, account_url=blob_endpoint(secret)))
    return destination
