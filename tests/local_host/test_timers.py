"""Timer functions: on schedule, never twice at a time, and once for all missed runs."""

import json
import time
from contextlib import suppress
from itertools import pairwise

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient

from infra.local.host.timer_storage import CONTAINER
from tests.local_host.host_process import StartHost, eventually

EVERY_SECOND = "* * * * * *"
RARELY = "0 0 0 1 * *"


def test_a_timer_fires_on_schedule(start_host: StartHost) -> None:
    """At each occurrence, once, not before its time."""
    host = start_host(settings={"SCHEDULE": EVERY_SECOND})

    eventually(lambda: len(host.notes("tick")) >= 3)
    moments = [note["at"] for note in host.notes("tick")]
    assert len({int(moment) for moment in moments}) == len(moments)
    assert all(moment % 1 < 0.5 for moment in moments)


def test_a_timer_never_overlaps_itself(start_host: StartHost) -> None:
    """A run that outlasts the next occurrences is followed by one run for all of them."""
    host = start_host(settings={"SCHEDULE": EVERY_SECOND, "TICK_SECONDS": "1.5"})

    eventually(lambda: len(host.notes("tick")) >= 3)
    moments = [note["at"] for note in host.notes("tick")]
    assert all(later - sooner >= 1.5 for sooner, later in pairwise(moments))


def test_a_timer_can_be_fired_by_hand(start_host: StartHost) -> None:
    """The answer comes at once, the run soon after."""
    host = start_host()

    assert host.ask("POST", "/admin/functions/tick", b'{"input": ""}').status == 202

    tick = eventually(lambda: host.notes("tick"))[0]
    assert tick["past_due"] is False
    eventually(lambda: "tick: succeeded in" in host.output)


def test_one_run_replaces_all_missed_runs(start_host: StartHost, storage: str, queue: QueueClient) -> None:
    """At the start, with ``past_due`` set. After the next start, no more run follows."""
    long_ago = {
        "Last": "2020-01-25T17:00:00+00:00",
        "Next": "2020-01-25T18:00:00+00:00",
        "LastUpdated": "2020-01-25T17:00:00+00:00",
    }
    with BlobServiceClient.from_connection_string(storage) as service:
        with suppress(ResourceExistsError):
            service.create_container(CONTAINER)
        blob = service.get_blob_client(CONTAINER, f"timers/{queue.queue_name}/Host.Functions.tick/status")
        blob.upload_blob(json.dumps(long_ago))

        first = start_host(settings={"SCHEDULE": RARELY})
        eventually(lambda: "tick: succeeded" in first.output)
        assert first.stop() == 0
        status = json.loads(blob.download_blob().readall())
    second = start_host(settings={"SCHEDULE": RARELY})
    assert second.stop() == 0

    assert [(note["past_due"], note["status"]) for note in first.notes("tick")] == [
        (True, {**long_ago, "Next": "2020-02-01T00:00:00+00:00"})
    ]
    assert second.notes("tick") == []
    assert status["Last"] > "2026"
    assert status["Next"] > status["Last"]


def test_the_first_start_of_all_replaces_no_missed_run(start_host: StartHost) -> None:
    """No run can have been missed."""
    host = start_host(settings={"SCHEDULE": RARELY})
    time.sleep(1)

    assert host.stop() == 0
    assert host.notes("tick") == []
