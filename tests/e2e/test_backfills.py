"""Backfills over real HTTP: hours are exported again, whatever else exists and runs."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exporter.backfill.step import WAITING_MAX
from infra.local.sample import DataType, Fault, Sample
from tests.support.api_calls import asked_for, ended, fields, the_problem
from tests.support.customer_files import contents, event_ids
from tests.support.installation import LANDING, App, Installation, key_of, ok

SAMPLE = Sample(events_per_hour=60, merges_per_hour=5, blobs_per_hour=2, faults=frozenset({Fault.LATE_BLOB}))
NO_ROWS = Sample(project_id=1)
NOTHING_LANDED = Sample(project_id=2)
FEW_LANDED = replace(SAMPLE, project_id=4)
SINCE_TEN_YEARS = replace(SAMPLE, project_id=3)
EVENTS = (DataType.EVENTS,)
TEN_YEARS = {"start": "2012-01-01", "end": "2021-12-31"}


@pytest.fixture(scope="module")
def app(shared: Installation) -> Iterator[App]:
    """Run an app whose timer function the tests run."""
    with shared.app() as running:
        yield running


def land_nothing(shared: Installation, sample: Sample, start: datetime) -> None:
    """Land an empty blob of events: from then on the stream has hours, without rows."""
    name = f"events/{sample.project_id}/{start:%Y/%m/%d/%H}/none.json"
    with shared.blobs.get_container_client(LANDING) as landing:
        landing.upload_blob(name, b"", overwrite=True)


def exported(shared: Installation, app: App, name: str, starts: list[datetime]) -> None:
    """Land hours and let the schedule export them."""
    for start in starts:
        shared.land(SAMPLE.hour(start))
    app.activate(shared.destination(name, SAMPLE, starts[0]))
    app.tick()
    app.exported(name, starts)


def test_a_range_is_exported_again_with_what_has_landed_since(
    shared: Installation, app: App, tmp_path: Path
) -> None:
    """Each hour is replaced as a whole. The answer counts hours, rows and bytes, and has the end time."""
    starts = shared.newest_hours(4)
    exported(shared, app, "again", starts)
    before = contents(shared.container("again"))
    for start in starts:
        shared.land(SAMPLE.hour(start).late_files())
    open_end = key_of(starts[-1] + timedelta(hours=5))

    found = ended(app, asked_for(app, "again", {"start": key_of(starts[0]), "end": open_end}))

    truths = [(SAMPLE.hour(start).truth(), SAMPLE.hour(start).late_truth()) for start in starts]
    after = contents(shared.container("again"))
    expected = {each for pair in truths for truth in pair for each in truth.event_ids()}
    ids = event_ids(after, tmp_path)
    assert (len(ids), set(ids)) == (len(expected), expected)
    assert after.keys() == before.keys()
    assert (found["status"], found["error"], found["failed_hours"]) == ("succeeded", None, [])
    assert (found["start"], found["end"]) == (key_of(starts[0]), open_end)
    assert found["clamped_to"] == key_of(starts[-1])
    assert found["hours"] == {"total": 8, "done": 8, "empty": 0, "failed": 0, "left": 0}
    assert found["bytes_exported"] == sum(len(body) for name, body in after.items() if name.endswith(".gz"))
    lines = [gzip.decompress(body).count(b"\n") for name, body in after.items() if name.endswith(".gz")]
    assert found["rows_exported"] == sum(lines)
    assert found["hours_per_minute"] > 0
    assert (found["estimated_finish_at"], found["finished_at"] is None) == (None, False)
    assert {hour["requested_by"] for hour in app.hours("again", starts)} == {f"backfill:{found['id']}"}


@pytest.mark.slow
def test_live_hours_do_not_wait_behind_a_long_backfill(shared: Installation, app: App) -> None:
    """A backfill of ten years runs when the tick comes. A cancel then takes effect within a step."""
    (start,) = shared.newest_hours(1)
    land_nothing(shared, SINCE_TEN_YEARS, datetime(2012, 1, 1, tzinfo=UTC))
    shared.land(SINCE_TEN_YEARS.hour(start))
    app.activate(shared.destination("busy", SINCE_TEN_YEARS, start, EVENTS))
    where = asked_for(app, "busy", TEN_YEARS)
    app.until(lambda: ok(app.api.get(where))["hours"]["empty"] > 0, "the backfill under way")

    app.tick()
    app.exported("busy", [start])

    live = ok(app.api.get(where))
    assert (live["status"], live["hours"]["total"]) == ("running", 24 * 3653)
    assert live["hours"]["left"] > 24 * 3600
    cancelled = ok(app.api.post(f"{where}/cancel"))
    assert cancelled["status"] == "cancelled"
    app.until(lambda: shared.waiting("backfill-hours") == 0, "the queue drained")
    markers = [name for name in contents(shared.container("busy")) if name.endswith("_complete")]
    assert len(markers) <= 1 + cancelled["hours"]["empty"] + WAITING_MAX
    assert ok(app.api.get(where)) == cancelled
    the_problem(
        app.api.post("/destinations/busy/backfills/" + "0" * 32 + "/cancel"), 404, "backfill_not_found"
    )


@pytest.mark.slow
def test_a_cancelled_backfill_is_tried_again_and_a_done_one_is_not(shared: Installation, app: App) -> None:
    """All of a destination's backfills are listed, the newest first."""
    starts = shared.newest_hours(30)
    land_nothing(shared, NO_ROWS, starts[0])
    app.activate(shared.destination("retried", NO_ROWS, starts[-1], EVENTS))
    path = "/destinations/retried/backfills"
    first = asked_for(app, "retried", {"start": key_of(starts[0]), "end": key_of(starts[0])})
    ended(app, first)
    where = asked_for(app, "retried", {"start": key_of(starts[0]), "end": key_of(starts[-1])})
    the_problem(app.api.post(f"{where}/retry"), 409, "backfill_not_ended")
    assert ok(app.api.post(f"{where}/cancel"))["status"] == "cancelled"

    again = app.api.post(f"{where}/retry")
    assert (again.status, again.headers["location"]) == (202, f"{app.api.url}/api{where}")

    assert ended(app, where)["hours"] == {"total": 30, "done": 0, "empty": 30, "failed": 0, "left": 0}
    the_problem(app.api.post(f"{where}/retry"), 409, "nothing_to_retry")
    the_problem(app.api.post(f"{where}/cancel"), 409, "backfill_ended")
    listed = ok(app.api.get(path))["backfills"]
    assert [f"{path}/{each['id']}" for each in listed] == [where, first]
    newest = ok(app.api.get(f"{path}?limit=1"))
    assert (newest["backfills"], newest["next"]) == (listed[:1], listed[0]["id"])
    older = ok(app.api.get(f"{path}?after={newest['next']}"))
    assert (older["backfills"], older["next"]) == (listed[1:], None)
    assert fields(app.api.get(f"{path}?limit=x&after=y")) == {"limit", "after"}
    planned = ok(
        app.api.post(f"{path}?dry_run=true", {"start": key_of(starts[0]), "end": key_of(starts[-1])})
    )
    assert (planned["hours"], planned["exported_hours"], planned["rows"]) == (30, 30, 0)
    assert len(ok(app.api.get(path))["backfills"]) == len(listed)
    day = json.dumps({"start": key_of(starts[0]), "end": key_of(starts[0])}).encode()
    twice = [app.api.call("POST", f"/api{path}", day, Idempotency_Key="5f0c") for _ in range(2)]
    assert [(each.status, each.body["id"]) for each in twice] == [(202, twice[0].body["id"])] * 2
    other = json.dumps({"start": key_of(starts[0]), "end": key_of(starts[1])}).encode()
    refused = app.api.call("POST", f"/api{path}", other, Idempotency_Key="5f0c")
    the_problem(refused, 422, "idempotency_key_used")
    assert fields(app.api.call("POST", f"/api{path}", day, Idempotency_Key="a b")) == {"Idempotency-Key"}


def test_a_backfill_begins_where_something_landed(shared: Installation, app: App) -> None:
    """Earlier hours do not count and get no marker. Without landed hours there is nothing to do."""
    starts = shared.newest_hours(3)
    for start in starts[1:]:
        shared.land(FEW_LANDED.hour(start))
    app.activate(shared.destination("clamped", FEW_LANDED, starts[2], EVENTS))
    app.activate(shared.destination("empty-past", NOTHING_LANDED, starts[2], EVENTS))

    found = ended(app, asked_for(app, "clamped", {"start": "0001-01-01", "end": key_of(starts[2])}))
    nothing = app.api.post("/destinations/empty-past/backfills", TEN_YEARS)

    assert (found["status"], found["clamped_from"], found["hours"]["total"]) == (
        "succeeded",
        key_of(starts[1]),
        2,
    )
    assert (found["start"], found["allow_loss"]) == ("0001-01-01", False)
    assert (nothing.status, nothing.body["status"], nothing.body["clamped_from"]) == (202, "succeeded", None)
    assert nothing.body["hours"] == {"total": 0, "done": 0, "empty": 0, "failed": 0, "left": 0}
    assert contents(shared.container("empty-past")) == {}
    accepted = {"start": key_of(starts[1]), "end": key_of(starts[1]), "allow_loss": True}
    assert ended(app, asked_for(app, "clamped", accepted))["allow_loss"]


@pytest.mark.slow
def test_a_failed_hour_is_listed_and_tried_alone_when_its_reason_is_gone(
    shared: Installation, app: App
) -> None:
    """A lease of another program on one file stops no other hour."""
    starts = shared.newest_hours(3)
    exported(shared, app, "leased", starts)
    name = next(
        each for each in contents(shared.container("leased")) if each.endswith(f"_{starts[1].hour}#1.json.gz")
    )
    lease = shared.container("leased").get_blob_client(name).acquire_lease()

    where = asked_for(app, "leased", {"start": key_of(starts[0]), "end": key_of(starts[2])})
    found = ended(app, where)

    assert (found["status"], found["hours"]["done"], found["hours"]["failed"]) == ("failed", 5, 1)
    (failed,) = found["failed_hours"]
    assert (failed["hour"], failed["data_type"]) == (key_of(starts[1]), "events")
    assert failed["error"]["code"] == "blob_leased"
    lease.release()
    attempts = {(hour["hour"], hour["data_type"]): hour["attempts"] for hour in app.hours("leased", starts)}
    assert app.api.post(f"{where}/retry").status == 202
    assert ended(app, where)["hours"]["done"] == 6
    after = {(hour["hour"], hour["data_type"]): hour["attempts"] for hour in app.hours("leased", starts)}
    assert {key for key in after if after[key] != attempts[key]} == {(key_of(starts[1]), "events")}


def test_what_a_verification_finds_is_repaired_by_a_backfill_of_just_that(
    shared: Installation, app: App
) -> None:
    """A lost file is written again. Whole hours are not changed."""
    starts = shared.newest_hours(3)
    exported(shared, app, "mended", starts)
    container = shared.container("mended")
    before = contents(container)
    lost = next(name for name in before if name.endswith(f"_{starts[1].hour}#1.json.gz") and name[0] != "-")
    untouched = {
        blob.name: blob.etag for blob in container.list_blobs() if f"_{starts[1].hour}" not in blob.name
    }
    container.delete_blob(lost)
    body = {"from": key_of(starts[0]), "to": key_of(starts[2]), "repair": True}

    repair = ok(app.api.post("/destinations/mended/verify", body))["repair"]

    found = ended(app, f"/destinations/mended/backfills/{repair}")
    assert (found["status"], found["hours"]["total"], found["hours"]["done"]) == ("succeeded", 1, 1)
    assert contents(container) == before
    now = {blob.name: blob.etag for blob in container.list_blobs()}
    assert untouched.items() <= now.items()
    again = ok(app.api.post("/destinations/mended/verify", body))
    assert (again["whole"], again["wrong"], again["repair"]) == (6, 0, None)


@pytest.mark.slow
def test_neighbours_are_neither_overwritten_nor_listed_nor_deleted(shared: Installation, app: App) -> None:
    """Hours 1 and 10, a project with one more digit, nested prefixes, a customer's own files."""
    at = shared.newest_hours(1)[0].replace(hour=1) - timedelta(days=1)
    day = [at + timedelta(hours=hours) for hours in (0, 9)]
    other = Sample(project_id=1875200, events_per_hour=20, merges_per_hour=0)
    for start in day:
        shared.land(SAMPLE.hour(start).files(DataType.EVENTS))
        shared.land(other.hour(start).files(DataType.EVENTS))
    container = shared.container("shared-one")
    for number, (sample, prefix) in enumerate(
        [(SAMPLE, ""), (other, ""), (SAMPLE, "a"), (SAMPLE, "ab"), (SAMPLE, "a/b")]
    ):
        destination = shared.destination(
            f"neighbour-{number}", sample, shared.newest_hours(1)[0], EVENTS, prefix=prefix
        )
        destination["storage"]["container"] = "shared-one"
        app.activate(destination)
    asked = [
        asked_for(app, f"neighbour-{number}", {"start": key_of(start), "end": key_of(start)})
        for number in range(5)
        for start in day
    ]
    for where in asked:
        assert ended(app, where)["status"] == "succeeded"
    stem = f"187520_{at:%Y-%m-%d}_1"
    own = {
        f"{stem}#1.json.gz.bak": b"own",
        f"{stem}#1.json.gz/copy": b"own",
        f"{stem}#01.json.gz": b"own",
        f"{stem}#2.json": b"own",
        f"{stem}_complete.txt": b"own",
        f"a/{stem}#1x.json.gz": b"own",
        f"{stem}": b"own",
    }
    for name, body in own.items():
        container.upload_blob(name, body)
    before = contents(container)
    etags = {blob.name: blob.etag for blob in container.list_blobs()}
    shared.land(SAMPLE.hour(at).late_files(DataType.EVENTS))

    ended(app, asked_for(app, "neighbour-0", {"start": key_of(at), "end": key_of(at)}))

    after = {blob.name: blob.etag for blob in container.list_blobs()}
    ours = {f"{stem}#1.json.gz", f"{stem}_complete"}
    assert {name for name in after if etags.get(name) != after[name]} == ours
    assert after.keys() == before.keys()
    whole = ok(app.api.post("/destinations/neighbour-0/verify", {"from": key_of(at), "to": key_of(at)}))
    assert (whole["whole"], whole["hours"]) == (1, [])


def test_what_is_wrong_with_a_request_is_told_at_once(shared: Installation, app: App) -> None:
    """And no backfill begins."""
    (start,) = shared.newest_hours(1)
    app.activate(shared.destination("strict", SAMPLE, start, EVENTS))
    path = "/destinations/strict/backfills"

    wrong = the_problem(
        app.api.post(path, {"start": "yesterday", "end": 5, "data_types": [], "more": 1}),
        422,
        "invalid_request",
    )
    assert {each["field"] for each in wrong["errors"]} == {"start", "end", "data_types", "more"}
    future = {"start": "2999-01-01", "end": "2999-01-02", "data_types": ["merged_ids"]}
    wrong = the_problem(app.api.post(path, future), 422, "invalid_request")
    assert {each["field"] for each in wrong["errors"]} == {"start", "data_types"}
    the_problem(app.api.post("/destinations/nobody/backfills", TEN_YEARS), 404, "destination_not_found")
    the_problem(app.api.get(f"{path}/{'0' * 32}"), 404, "backfill_not_found")
    assert ok(app.api.get(path)) == {"backfills": [], "next": None}
