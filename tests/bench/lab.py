"""The real app on a storage emulator with one destination, ready to export an hour of sample data."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from azure.storage.blob import BlobServiceClient

from exporter.domain.data_types import DataType
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord, HourStatus
from exporter.domain.hour_task import SCHEDULE, HourTask
from exporter.domain.streams import Stream, StreamKey
from exporter.messages import EXPORT_HOURS
from exporter.storage.clients import Account
from exporter.storage.own.ledger import LedgerTable
from exporter.storage.own.queues import Queue
from infra.local import azurite, stack
from infra.local.api import Answer, Api
from tests.bench import emulator
from tests.bench.emulator import OUR_TIMEOUT, Emulator
from tests.bench.memory import PeakWatch

HOUR = Hour(datetime(2026, 1, 31, 13, tzinfo=UTC))
PROJECT_ID = 187520
DESTINATION = "bench"
_KEY = StreamKey(DESTINATION, Stream(DataType.EVENTS, PROJECT_ID))
CUSTOMER = "customer"
LANDING = "landing"
REJECTED = "rejected"
STATE = "export-state"
_LOOK_SECONDS = 0.25
# After the marker, the worker still has to close the ledger's record.
_CLOSE_SECONDS = 1.0
# The timer would queue other hours: here it waits for the new year.
_NEVER = "0 0 0 1 1 *"


class LabError(Exception):
    """The measurement is not possible. The message says why."""


@dataclass(frozen=True, slots=True)
class Lab:
    """A running app and its storage. ``watch`` measures its worker process."""

    storage: Emulator
    account: BlobServiceClient
    api: Api
    worker: psutil.Process
    watch: PeakWatch
    log: Path

    def export(self, seconds_max: float) -> None:
        """Queue the hour as a tick does, and wait for its marker."""
        with self._own_account() as account:
            Queue(account, EXPORT_HOURS).send([HourTask(_KEY, HOUR, SCHEDULE)])
        self._wait_for_marker(seconds_max)
        time.sleep(_CLOSE_SECONDS)

    def record(self) -> HourRecord:
        """Return the ledger's record of the hour, with microseconds, which the API does not have."""
        with self._own_account() as account:
            found = LedgerTable(account).get(_KEY, HOUR)
        if found is None or found.value.status is not HourStatus.EXPORTED:
            raise LabError(f"the hour was not exported: {found}\n{self._said()}")
        return found.value

    def _own_account(self) -> contextlib.closing[Account]:
        return contextlib.closing(Account(self.storage.connection_string))

    def _wait_for_marker(self, seconds_max: float) -> None:
        container = self.account.get_container_client(CUSTOMER)
        deadline = time.monotonic() + seconds_max
        while time.monotonic() < deadline and self.worker.is_running():
            names = container.list_blob_names(timeout=OUR_TIMEOUT)
            if any(name.endswith("_complete") for name in names):
                return
            time.sleep(_LOOK_SECONDS)
        raise LabError(f"no marker after {seconds_max:.0f} s\n{self._said()}")

    def _said(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Lab]:
    """Start storage and app with their files in a folder, create the destination; stop all at the end."""
    with contextlib.ExitStack() as stopping:
        storage = stopping.enter_context(emulator.running(folder))
        account = stopping.enter_context(BlobServiceClient.from_connection_string(storage.connection_string))
        for container in (LANDING, CUSTOMER):
            account.create_container(container)
        log = folder / "app.log"
        settings = {**stack.settings_for(storage.endpoints), "EXPORT_SCHEDULE": _NEVER}
        app = stopping.enter_context(stack.running_app(settings, port=azurite.free_ports(1)[0], log=log))
        _make_destination(app.api, storage.connection_string)
        worker = _worker_of(app.process.pid)
        watch = stopping.enter_context(PeakWatch(worker.pid))
        yield Lab(storage, account, app.api, worker, watch, log)


def _make_destination(api: Api, connection_string: str) -> None:
    body = {
        "name": "Benchmark",
        "events": {"project_id": PROJECT_ID},
        "storage": {"container": CUSTOMER},
        "credentials": {"type": "connection_string", "connection_string": connection_string},
    }
    _expect(api.put(f"/destinations/{DESTINATION}", body), 201)
    _expect(api.post(f"/destinations/{DESTINATION}/activate"), 200)


def _worker_of(host: int) -> psutil.Process:
    """Return the worker process: the host's only child that is a worker."""
    children = psutil.Process(host).children(recursive=True)
    workers = [child for child in children if "infra.local.host.worker_child" in child.cmdline()]
    if len(workers) != 1:
        raise LabError(f"the host should have one worker process, and has {len(workers)}")
    return workers[0]


def _expect(answer: Answer, status: int) -> Any:  # noqa: ANN401  JSON
    if answer.status != status:
        raise LabError(f"the API answered {answer.status} instead of {status}: {answer.body}")
    return answer.body
