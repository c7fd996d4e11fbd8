"""The landing container: read only, hour by hour."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceModifiedError, ResourceNotFoundError

from exporter.domain.errors import Transient
from exporter.domain.hours import Hour
from exporter.domain.streams import LandingBlob, Stream, is_data
from exporter.pipeline.rows import Read
from exporter.storage.accounts import Account
from exporter.storage.ahead import ReadAhead
from exporter.storage.blocks import quoted
from exporter.storage.errors import is_missing, own_storage

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

# Digits of the folders below a stream's: year, month, day, hour.
_FOLDER_DIGITS = (4, 2, 2, 2)


class LandingContainer:
    """What arrived. A container that does not exist yet is an empty one."""

    def __init__(self, account: Account, container: str = "landing") -> None:
        self._account = account
        self._container = container

    @cached_property
    def _client(self) -> "ContainerClient":
        return self._account.blobs.get_container_client(self._container)

    def blobs(self, stream: Stream, hour: Hour) -> Iterator[LandingBlob]:
        """Yield the hour's blobs in landing order: the service lists them by name, byte by byte."""
        with own_storage():
            try:
                for blob in self._client.list_blobs(name_starts_with=stream.landing_folder(hour)):
                    if is_data(blob.name):
                        yield LandingBlob(blob.name, quoted(blob.etag), blob.size)
            except HttpResponseError as error:
                if not is_missing(error):
                    raise

    def read(self, blob: LandingBlob) -> Iterator[bytes]:
        """Yield the content as it was listed, in pieces of at most ``READ_BYTES``."""
        with own_storage():
            try:
                stream = self._client.download_blob(
                    blob.name,
                    etag=blob.etag,
                    match_condition=MatchConditions.IfNotModified,
                    # Whether it is gzip, its bytes say; with a content encoding the SDK would guess.
                    decompress=False,
                )
                yield from stream.chunks()
            except (ResourceModifiedError, ResourceNotFoundError) as error:
                raise Transient(f"the landing blob {blob.name} is not as it was listed") from error

    def reading(self, blobs: Iterable[LandingBlob]) -> Read:
        """Return what reads these blobs, if they are asked for in this order, a little ahead."""
        return ReadAhead(self.read, blobs)

    def earliest_hour(self, stream: Stream) -> Hour | None:
        """Return the oldest hour that has a blob: one listing for each level of folders, not of the blobs."""
        with own_storage():
            try:
                return next(self._hours(stream.landing_prefix, ()), None)
            except HttpResponseError as error:
                if not is_missing(error):
                    raise
                return None

    def _hours(self, prefix: str, above: tuple[str, ...]) -> Iterator[Hour]:
        """Yield the hours below a folder, oldest first, passing over folders that are no part of a time."""
        if len(above) == len(_FOLDER_DIGITS):
            if hour := _hour(*above):
                yield hour
            return
        for entry in self._client.walk_blobs(name_starts_with=prefix, delimiter="/"):
            digits, slash, _ = entry.name.removeprefix(prefix).partition("/")
            if slash and len(digits) == _FOLDER_DIGITS[len(above)]:
                yield from self._hours(entry.name, (*above, digits))


def _hour(year: str, month: str, day: str, hour: str) -> Hour | None:
    try:
        return Hour.parse(f"{year}-{month}-{day}T{hour}")
    except ValueError:
        return None
