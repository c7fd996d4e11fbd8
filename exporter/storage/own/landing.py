"""The landing container. The app creates it, and only reads it from then on."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from exporter.domain import landing
from exporter.domain.errors import LandingArchived, LandingChanged, LandingMissing
from exporter.domain.hour import Hour
from exporter.domain.landing import Entry, Survey
from exporter.domain.streams import LandingBlob, Stream, is_data
from exporter.storage.blocks import md5_text, quoted
from exporter.storage.clients import Account
from exporter.storage.own.errors import ARCHIVED, own_storage
from exporter.storage.own.prefetch import Read, ReadAhead
from exporter.storage.sdk_errors import error_code, is_missing

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient


class LandingContainer:
    """The landing container; if it does not exist, ``LandingMissing`` is raised."""

    def __init__(self, account: Account, container: str = "landing") -> None:
        self._account = account
        self._container = container

    @cached_property
    def _client(self) -> "ContainerClient":
        return self._account.blobs.get_container_client(self._container)

    def blobs(self, stream: Stream, hour: Hour) -> Iterator[LandingBlob]:
        """Yield the hour's data blobs in landing order: the service lists them by name, byte by byte."""
        return self._blobs(stream.landing_folder(hour))

    def blobs_of_day(self, stream: Stream, hour: Hour, *, most: int) -> list[LandingBlob]:
        """Return the data blobs of the hour's day, in landing order: the first ``most`` at most."""
        return list(islice(self._blobs(stream.landing_day(hour)), most))

    def _blobs(self, folder: str) -> Iterator[LandingBlob]:
        with self._landing():
            for blob in self._client.list_blobs(name_starts_with=folder):
                if is_data(blob.name):
                    md5 = md5_text(blob.content_settings.content_md5)
                    yield LandingBlob(blob.name, quoted(blob.etag), blob.size, md5)

    def read(self, blob: LandingBlob) -> Iterator[bytes]:
        """Yield the content as it was listed, in pieces of at most ``READ_BYTES``."""
        with own_storage():
            try:
                stream = self._client.download_blob(
                    blob.name,
                    etag=blob.etag,
                    match_condition=MatchConditions.IfNotModified,
                    # The bytes tell whether it is gzip. The SDK would go by the content encoding.
                    decompress=False,
                )
                yield from stream.chunks()
            except (ResourceModifiedError, ResourceNotFoundError) as error:
                raise LandingChanged(f"the landing blob {blob.name} changed after it was listed") from error
            except HttpResponseError as error:
                if error_code(error) in ARCHIVED:
                    raise LandingArchived(self._container, blob.name) from error
                raise

    def reading(self, blobs: Iterable[LandingBlob]) -> Read:
        """Return a ``read`` for these blobs that prefetches; it must be called in this order."""
        return ReadAhead(self.read, blobs)

    def earliest_hour(self, stream: Stream) -> Hour | None:
        """Return the oldest hour that holds data: it lists each level of folders, not all blobs."""
        return landing.earliest_hour(self._list, stream)

    def sources(self) -> frozenset[Stream]:
        """Return the streams that have a folder, even an empty one."""
        return frozenset(landing.sources(self._list))

    def survey(self, now: datetime) -> Survey:
        """Return the streams with their first and last hours, and the folders that fit no layout."""
        return landing.survey(self._list, now)

    def check(self) -> None:
        """Raise ``LandingMissing`` if the container does not exist."""
        with own_storage():
            exists = self._client.exists()
        if not exists:
            raise LandingMissing(self._container)

    def create(self) -> None:
        """Create the container if it does not exist."""
        with own_storage(), suppress(ResourceExistsError):
            self._client.create_container()

    def _list(self, folder: str) -> Iterator[Entry]:
        with self._landing():
            for entry in self._client.walk_blobs(name_starts_with=folder, delimiter="/"):
                yield Entry(entry.name)

    @contextmanager
    def _landing(self) -> Iterator[None]:
        """Translate errors as ``own_storage``, and a missing container to ``LandingMissing``."""
        with own_storage():
            try:
                yield
            except HttpResponseError as error:
                if is_missing(error):
                    raise LandingMissing(self._container) from error
                raise
