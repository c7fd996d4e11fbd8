"""The number of log records that the app passes to the host: each costs money in Azure."""

from pathlib import Path

import pytest
from azure.storage.queue import QueueServiceClient

from exporter.messages import WORK_QUEUES
from infra.local.host.worker_log import RECORDS_SETTING
from infra.local.sample import Sample
from tests.bench.records import Handed, handed
from tests.support.installation import Installation, installed

IDLE_SECONDS = 3.0


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Handed], set[str]]:
    """Return the records of each kind of work, and the queues that exist afterwards."""
    folder = tmp_path_factory.mktemp("records")
    with installed(folder) as installation:
        found = handed(installation, folder / "records.ndjson", idle_seconds=IDLE_SECONDS)
        with QueueServiceClient.from_connection_string(installation.connection_string) as queues:
            return found, {queue.name for queue in queues.list_queues()}


@pytest.fixture(scope="module")
def found(counted: tuple[dict[str, Handed], set[str]]) -> dict[str, Handed]:
    """Return the records of each kind of work."""
    return counted[0]


@pytest.mark.parametrize(
    ("what", "records"),
    [
        ("an hour of ten events", 1),
        ("an empty hour", 1),
        ("a tick with nothing to do", 1),
        ("an idle minute", 0),
    ],
)
def test_the_budget_of_records_is_kept(found: dict[str, Handed], what: str, records: int) -> None:
    """One line for each exported hour and each tick, and no other."""
    assert found[what].each == records, found[what]


def test_a_tick_makes_all_queues(counted: tuple[dict[str, Handed], set[str]]) -> None:
    """The host logs a warning for a missing queue at every poll."""
    assert {name for queue in WORK_QUEUES for name in (queue.name, queue.poison)} <= counted[1]


def test_no_record_is_of_an_sdk(found: dict[str, Handed]) -> None:
    """And none is of the worker's library."""
    loggers = {logger for each in found.values() for logger in each.loggers}

    assert {logger.partition(".")[0] for logger in loggers} == {"exporter"}


@pytest.mark.slow
def test_the_sdks_tell_of_their_calls_if_they_are_asked_to(
    tmp_path: Path, installation: Installation
) -> None:
    """With ``SDK_LOG_LEVEL``, each call to storage is logged, without the key."""
    records = tmp_path / "records.ndjson"
    (start,) = installation.newest_hours(1)
    sample = Sample(events_per_hour=10, merges_per_hour=0, blobs_per_hour=1)
    settings = {"SDK_LOG_LEVEL": "INFO", RECORDS_SETTING: str(records)}
    with installation.app(**settings) as app:
        app.activate(installation.destination("loud", sample, start))
        app.tick()
        app.until(lambda: "azure.core.pipeline.policies.http_logging_policy" in app.log, "calls are told")

    key = dict(pair.partition("=")[::2] for pair in installation.connection_string.split(";"))["AccountKey"]
    assert "Request URL" in records.read_text()
    assert key not in records.read_text()
