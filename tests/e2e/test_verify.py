"""Verifications over real HTTP, at once and in the background; poison messages."""

import json
from collections.abc import Iterator
from contextlib import suppress

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient

from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourStatus
from exporter.domain.hour_task import HourTask
from exporter.messages import EXPORT_HOURS
from exporter.verify.range import AT_ONCE_MAX
from infra.local.sample import DataType, Sample
from tests.support.api_calls import fields, the_problem
from tests.support.installation import App, Installation, Json, key_of, ok, stream_key

SAMPLE = Sample(events_per_hour=20, merges_per_hour=5)
EVENTS = (DataType.EVENTS,)


@pytest.fixture(scope="module")
def app(shared: Installation) -> Iterator[App]:
    """Run an app whose timer function the tests run."""
    with shared.app() as running:
        yield running


def codes(verified: Json) -> list[tuple[str, str, list[str]]]:
    """Return the findings of each hour."""
    return [
        (hour["hour"], hour["data_type"], [finding["code"] for finding in hour["findings"]])
        for hour in verified["hours"]
    ]


def test_a_container_is_verified_at_once_whatever_became_of_it(shared: Installation, app: App) -> None:
    """Whole, without a part, empty, and deleted."""
    (start,) = shared.newest_hours(1)
    shared.land(SAMPLE.hour(start))
    app.activate(shared.destination("verified", SAMPLE, start))
    app.tick()
    app.exported("verified", [start])
    hour, path = key_of(start), "/destinations/verified/verify"
    asked = {"from": hour, "to": hour}

    whole = ok(app.api.post(path, asked))
    assert (whole["checked"], whole["whole"], whole["hours"], whole["repair"]) == (2, 2, [], None)

    container = shared.container("verified")
    (part,) = (blob.name for blob in container.list_blobs() if "#1" in blob.name)
    container.delete_blob(part)
    assert codes(ok(app.api.post(path, asked))) == [(hour, "events", ["part_missing"])]
    assert ok(app.api.post(path, asked | {"data_types": ["merged_ids"]}))["whole"] == 1

    for blob in list(container.list_blobs()):
        container.delete_blob(blob.name)
    assert codes(ok(app.api.post(path, asked))) == [
        (hour, "events", ["part_missing", "marker_missing"]),
        (hour, "merged_ids", ["part_missing", "marker_missing"]),
    ]

    container.delete_container()
    gone = the_problem(app.api.post(path, asked), 422, "container_not_found")
    assert "az storage container create" in gone["fix"]


@pytest.mark.slow
def test_a_long_range_is_verified_in_the_background(shared: Installation, app: App) -> None:
    """The answer has the path, and the result is there in the end."""
    starts = shared.newest_hours(AT_ONCE_MAX + 100)
    app.activate(shared.destination("long", SAMPLE, starts[0], EVENTS))
    asked = {"from": key_of(starts[0]), "to": key_of(starts[-1])}

    path, body = "/api/destinations/long/verify", json.dumps(asked).encode()
    twice = [app.api.call("POST", path, body, Idempotency_Key="5f0c") for _ in range(2)]
    answer = twice[0]
    assert (answer.status, answer.body["status"]) == (202, "running")
    assert (twice[1].status, twice[1].body["id"]) == (202, answer.body["id"])
    other = json.dumps(asked | {"repair": True}).encode()
    refused = app.api.call("POST", path, other, Idempotency_Key="5f0c")
    the_problem(refused, 422, "idempotency_key_used")
    spaced = app.api.call("POST", path, b"{}", Idempotency_Key="a b")
    assert fields(spaced) == {"Idempotency-Key", "from", "to"}
    where = answer.headers["location"].removeprefix(f"{app.api.url}/api")
    assert where == f"/destinations/long/verifications/{answer.body['id']}"

    def ended() -> Json | None:
        found: Json = ok(app.api.get(where))
        return found if found["status"] != "running" else None

    found = app.until(ended, "the end of the verification")
    assert found is not None
    assert (found["status"], found["error"], found["checked"]) == ("succeeded", None, len(starts))
    assert codes(found) == [(key_of(start), "events", ["hour_missing"]) for start in starts]
    listed = ok(app.api.get("/destinations/long/verifications?limit=1"))
    (shown,) = listed["verifications"]
    assert (shown, listed["next"]) == ({key: found[key] for key in shown}, None)
    assert (shown["status"], shown["wrong"]) == ("succeeded", len(starts))


def test_what_is_wrong_with_a_verification_is_told(shared: Installation, app: App) -> None:
    """An unknown destination, and a data type that the destination does not have."""
    (start,) = shared.newest_hours(1)
    app.activate(shared.destination("asked", SAMPLE, start, EVENTS))
    asked = {"from": key_of(start), "to": key_of(start)}

    the_problem(app.api.post("/destinations/nobody/verify", asked), 404, "destination_not_found")
    the_problem(app.api.get(f"/destinations/asked/verifications/{'0' * 32}"), 404, "verification_not_found")
    the_problem(
        app.api.post("/destinations/asked/verify", asked | {"data_types": ["merged_ids"]}),
        422,
        "invalid_request",
    )


def test_poison_is_recorded_and_the_queue_is_drained(shared: Installation, app: App) -> None:
    """The hour fails with an id that is in the log. An invalid message is deleted, too."""
    (start,) = shared.newest_hours(1)
    app.activate(shared.destination("poisoned", SAMPLE, start, EVENTS))
    key = stream_key("poisoned", SAMPLE)
    messages = ["no json", EXPORT_HOURS.encode(HourTask(key, Hour(start)))]
    for queue in ("export-hours-poison", "backfill-hours-poison", "verify-steps-poison"):
        send(shared, queue, messages)

    def failed() -> str | None:
        found = shared.ledger.get(key, Hour(start))
        return found.value.work.error.fix if found and found.value.work.error else None

    fix = app.until(failed, "the hour recorded as failed")
    assert fix is not None
    # The row is written first; the line reaches the file through two processes.
    app.until(lambda: fix.rstrip(".").rpartition(" ")[2] in app.log, "the id in the log")
    app.until(lambda: left(shared) == 0, "the queues drained")
    found = shared.ledger.get(key, Hour(start))
    assert found is not None
    assert (found.value.status, found.value.work.attempts) == (HourStatus.FAILED, 1)


def send(installation: Installation, queue: str, messages: list[str]) -> None:
    """Send messages to a queue, as the host does with poison messages."""
    with QueueClient.from_connection_string(installation.connection_string, queue) as client:
        with suppress(ResourceExistsError):
            client.create_queue()
        for message in messages:
            client.send_message(message)


def left(installation: Installation) -> int:
    """Return the number of messages in the poison queues, including hidden ones."""
    count = 0
    for queue in ("export-hours-poison", "backfill-hours-poison", "verify-steps-poison"):
        with QueueClient.from_connection_string(installation.connection_string, queue) as client:
            count += client.get_queue_properties().approximate_message_count or 0
    return count
