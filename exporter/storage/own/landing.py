"""The landing container: what arrived, hour by hour. It is read only, once it is there."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property
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
    """What arrived. A container that does not exist is no empty one: ``LandingMissing``."""

    def __init__(self, account: Account, container: str = "landing") -> None:
        self._account = account
        self._container = container

    @cached_property
    def _client(self) -> "ContainerClient":
        return self._account.blobs.get_container_client(self._container)

    def blobs(self, stream: Stream, hour: Hour) -> Iterator[LandingBlob]:
        """Yield the hour's blobs in landing order: the service lists them by name, byte by byte."""
        with self._landing():
            for blob in self._client.list_blobs(name_starts_with=stream.landing_folder(hour)):
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
                    # Whether it is gzip, its bytes say; with a content encoding the SDK would guess.
                    decompress=False,
                )
                yield from stream.chunks()
            except (ResourceModifiedError, ResourceNotFoundError) as error:
                raise LandingChanged(f"the landing blob {blob.name} is not as it was listed") from error
            except HttpResponseError as error:
                if error_code(error) in ARCHIVED:
                    raise LandingArchived(self._container, blob.name) from error
                raise

    def reading(self, blobs: Iterable[LandingBlob]) -> Read:
        """Return what reads these blobs, if they are asked for in this order, a little ahead."""
        return ReadAhead(self.read, blobs)

    def earliest_hour(self, stream: Stream) -> Hour | None:
        """Return the oldest hour that holds data: a listing for each level of folders, not of all blobs."""
        return landing.earliest_hour(self._list, stream)

    def sources(self) -> frozenset[Stream]:
        """Return the streams that have a folder."""
        return frozenset(landing.sources(self._list))

    def survey(self, now: datetime) -> Survey:
        """Return what landing holds, and what fits no layout."""
        return landing.survey(self._list, now)

    def check(self) -> None:
        """Raise ``LandingMissing`` unless the container is there."""
        with own_storage():
            there = self._client.exists()
        if not there:
            raise LandingMissing(self._container)

    def create(self) -> None:
        """Make the container; one that is there is fine."""
        with own_storage(), suppress(ResourceExistsError):
            self._client.create_container()

    def _list(self, folder: str) -> Iterator[Entry]:
        with self._landing():
            for entry in self._client.walk_blobs(name_starts_with=folder, delimiter="/"):
                yield Entry(entry.name)

    @contextmanager
    def _landing(self) -> Iterator[None]:
        """Translate errors, a missing container among them."""
        with own_storage():
            try:
                yield
            except HttpResponseError as error:
                if is_missing(error):
                    raise LandingMissing(self._container) from error
                raise
