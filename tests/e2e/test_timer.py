"""The timer alone: on its schedule, after missed runs, and with two hosts."""

import base64
import json
import random
from contextlib import ExitStack
from datetime import datetime

import pytest
from azure.storage.queue import QueueClient

from infra.local.sample import DataType, Fault, Sample
from tests.support.customer_files import contents
from tests.support.installation import Installation, Json, key_of

SAMPLE = Sample(
    events_per_hour=60, merges_per_hour=6, faults=frozenset({Fault.DUPLICATES_IN_BLOB, Fault.NOT_JSON})
)
EVERY_SECOND = "* * * * * *"
EVERY_TWO_SECONDS = "*/2 * * * * *"


def assert_each_hour_is_there_once(
    installation: Installation, ledger: list[Json], destination_id: str, starts: list[datetime]
) -> None:
    """Fail unless every hour was exported in one attempt, with all its rows and no others."""
    found = {(hour["hour"], hour["data_type"]): hour for hour in ledger}
    files: set[str] = set()
    for start in starts:
        for data_type, owner, suffix in (
            (DataType.EVENTS, "187520", "#1.json.gz"),
            (DataType.MERGED_IDS, "-189524", ".json.gz"),
        ):
            hour = found.pop((key_of(start), data_type.value))
            truth = SAMPLE.hour(start).truth(data_type).counts()
            assert (hour["status"], hour["attempts"]) == ("exported", 1), hour
            assert (hour["rows"]["read"], hour["rows"]["exported"]) == (truth.read, truth.exported)
            name = f"{owner}_{start:%Y-%m-%d}_{start.hour}"
            files |= {f"{name}{suffix}", f"{name}_complete"}
    assert not found
    assert contents(installation.container(destination_id)).keys() == files


@pytest.mark.slow
def test_owed_hours_are_exported_without_anybody_asking(installation: Installation) -> None:
    """The timer runs on its schedule. Nothing else is needed."""
    starts = installation.newest_hours(3)
    for start in starts:
        installation.land(SAMPLE.hour(start))

    with installation.app(EXPORT_SCHEDULE=EVERY_TWO_SECONDS) as app:
        app.activate(installation.destination("timed", SAMPLE, starts[0]))
        ledger = app.exported("timed", starts)
        destination = app.destination("timed")

    assert_each_hour_is_there_once(installation, ledger, "timed", starts)
    assert destination["owed_hours"] == {"events": 0, "merged_ids": 0}


@pytest.mark.slow
def test_a_host_that_was_away_for_hours_catches_up(installation: Installation) -> None:
    """The first tick after the start finds all hours that closed meanwhile."""
    starts = installation.newest_hours(6)
    for start in starts:
        installation.land(SAMPLE.hour(start))
    # As if it were four hours ago: the app decides by when an hour closes.
    then = str(installation.settle_minutes + 4 * 60)
    with installation.app(EXPORT_SCHEDULE=EVERY_SECOND, SETTLE_MINUTES=then) as app:
        app.activate(installation.destination("away", SAMPLE, starts[0]))
        before = app.exported("away", starts)
        assert {hour["hour"] for hour in before} == {key_of(start) for start in starts[:2]}

    with installation.app(EXPORT_SCHEDULE=EVERY_SECOND) as app:
        ledger = app.exported("away", starts)

    assert_each_hour_is_there_once(installation, ledger, "away", starts)
    assert [hour for hour in ledger if hour["hour"] <= before[-1]["hour"]] == before


def messages(destination_id: str, starts: list[datetime]) -> list[str]:
    """Return three messages for every hour and data type, in random order."""
    sources = {DataType.EVENTS: SAMPLE.project_id, DataType.MERGED_IDS: SAMPLE.org_id}
    found = [
        {
            "v": 1,
            "destination": destination_id,
            "data_type": data_type.value,
            "source_id": source,
            "hour": key_of(start),
            "requested_by": "schedule",
        }
        for start in starts
        for data_type, source in sources.items()
    ]
    tripled = [base64.b64encode(json.dumps(each).encode()).decode() for each in 3 * found]
    random.Random(1).shuffle(tripled)  # noqa: S311  any order will do, and the same one each time
    return tripled


@pytest.mark.slow
def test_two_hosts_and_doubled_messages_export_each_hour_once(installation: Installation) -> None:
    """Both run the tick, both receive messages, and every message exists three times."""
    starts = installation.newest_hours(8)
    for start in starts:
        installation.land(SAMPLE.hour(start))
    with (
        ExitStack() as running,
        QueueClient.from_connection_string(installation.connection_string, "export-hours") as queue,
    ):
        queue.create_queue()
        hosts = [running.enter_context(installation.app(EXPORT_SCHEDULE=EVERY_SECOND)) for _ in range(2)]
        hosts[0].activate(installation.destination("rivals", SAMPLE, starts[0]))
        for message in messages("rivals", starts):
            queue.send_message(message)
        ledger = hosts[0].exported("rivals", starts)
        hosts[0].until(lambda: installation.waiting() == 0, "no message left")
        logs = [host.log for host in hosts]

    assert_each_hour_is_there_once(installation, ledger, "rivals", starts)
    assert all(log.count("export_hour: succeeded") > 1 for log in logs)
    assert not any("export_hour: failed" in log for log in logs)
