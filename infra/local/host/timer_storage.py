"""The blobs of a timer in the container ``azure-webjobs-hosts``: its status and a lock between hosts.

If several hosts share a storage account, one of them runs the timer: the one with the lease on the timer's
lock blob. The others try to acquire it again and again, so that one of them takes over soon after a crash.
"""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Self

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobLeaseClient, ContainerClient

from infra.local.host.storage import Trouble

CONTAINER = "azure-webjobs-hosts"
# The shortest lease in Azure. After a crash, the other hosts wait so long.
LEASE_SECONDS = 15
RENEW_SECONDS = 5.0
RETRY_SECONDS = 2.0
_NEVER = "0001-01-01T00:00:00+00:00"
_CONFLICTS = (409, 412)
_LOST = (404, *_CONFLICTS)


@dataclass(frozen=True, slots=True)
class Status:
    """When a timer ran last, if ever, and when it is due, in the host's own format."""

    last: datetime | None
    due: datetime
    updated: datetime

    @property
    def document(self) -> dict[str, str]:
        """The stored form, which the function gets, too."""
        return {
            "Last": self.last.isoformat() if self.last else _NEVER,
            "Next": self.due.isoformat(),
            "LastUpdated": self.updated.isoformat(),
        }

    @classmethod
    def from_document(cls, document: dict[str, str]) -> Self:
        """Read a stored status."""
        last = None if document["Last"].startswith("0001") else datetime.fromisoformat(document["Last"])
        return cls(
            last, datetime.fromisoformat(document["Next"]), datetime.fromisoformat(document["LastUpdated"])
        )


class Turn(Enum):
    """Which host runs a timer. Without storage this is unknown, and every host runs it."""

    OURS = auto()
    THEIRS = auto()
    UNKNOWN = auto()


class TimerStorage:
    """The blobs of one timer.

    An error of storage, of the SDK or in a stored status is logged and not raised: the timer runs without
    the blobs. An SDK may raise other errors than its own, and the threads that call it must not end.
    """

    def __init__(self, container: ContainerClient, host_id: str, function: str, trouble: Trouble) -> None:
        self._container = container
        self._status = container.get_blob_client(f"timers/{host_id}/Host.Functions.{function}/status")
        self._lock_blob = container.get_blob_client(f"locks/{host_id}/Host.Functions.{function}.Listener")
        self._lease: BlobLeaseClient | None = None
        self._trouble = trouble

    def load(self) -> Status | None:
        """Return the stored status; None if there is none or it cannot be read."""
        try:
            return Status.from_document(json.loads(self._status.download_blob().readall()))
        except ResourceNotFoundError:
            return None
        except Exception as error:  # noqa: BLE001  see the class
            self._trouble.report(error)
            return None

    def save(self, status: Status) -> None:
        """Store the status."""
        try:
            self._upload(self._status, json.dumps(status.document).encode(), overwrite=True)
        except Exception as error:  # noqa: BLE001  see the class
            self._trouble.report(error)

    def take(self) -> Turn:
        """Acquire or renew the lock; return which host has it now."""
        try:
            if self._lease is not None and self._renewed(self._lease):
                turn = Turn.OURS
            else:
                self._lease = self._acquired()
                turn = Turn.OURS if self._lease else Turn.THEIRS
        except Exception as error:  # noqa: BLE001  see the class
            self._trouble.report(error)
            return Turn.UNKNOWN
        self._trouble.over()
        return turn

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Renew the lock while a function runs, which may take longer than the lease."""
        done = threading.Event()

        def keep() -> None:
            while not done.wait(RENEW_SECONDS):
                self.take()

        thread = threading.Thread(target=keep, name="timer lock", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def release(self) -> None:
        """Release the lock, so that another host can acquire it at once."""
        if self._lease is not None:
            with contextlib.suppress(Exception):
                self._lease.release()
            self._lease = None

    def _renewed(self, lease: BlobLeaseClient) -> bool:
        try:
            lease.renew()
        except HttpResponseError as error:
            if error.status_code in _LOST:
                return False
            raise
        return True

    def _acquired(self) -> BlobLeaseClient | None:
        """Acquire the lease of the lock blob, which is created if missing; None if another host has it."""
        try:
            try:
                return self._lock_blob.acquire_lease(LEASE_SECONDS)
            except ResourceNotFoundError:
                self._upload(self._lock_blob, b"", overwrite=False)
                return self._lock_blob.acquire_lease(LEASE_SECONDS)
        except HttpResponseError as error:
            if error.status_code in _CONFLICTS:
                return None
            raise

    def _upload(self, blob: BlobClient, content: bytes, *, overwrite: bool) -> None:
        try:
            blob.upload_blob(content, overwrite=overwrite)
        except ResourceNotFoundError:
            with contextlib.suppress(ResourceExistsError):
                self._container.create_container()
            blob.upload_blob(content, overwrite=overwrite)
