"""Filters: sent over HTTP, tried on an hour, and applied to an export."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from infra.local.sample import DataType, Sample
from tests.properties.naive_filter import keeps
from tests.support.customer_files import Files, contents
from tests.support.filters import condition, read
from tests.support.installation import App, Installation, Json, key_of, ok

SAMPLE = Sample(events_per_hour=300)
WANTED: Json = {
    "all": [
        condition("event_type", "is", "page_viewed", "item_viewed"),
        {
            "any": [
                condition("event_properties.page.path", "matches", "^/(search|checkout)"),
                condition("event_properties.screen.width", "greater", 1000),
                condition("platform", "starts_with", "i"),
            ]
        },
        {"not": condition("user_properties.visits", "less", 2)},
    ]
}
NOTHING: Json = condition("event_type", "is_not_set")


@pytest.fixture(scope="module")
def app(shared: Installation) -> Iterator[App]:
    """Run an app whose newest hour has landed."""
    shared.land(SAMPLE.hour(newest(shared)))
    with shared.app() as running:
        yield running


def newest(installation: Installation) -> datetime:
    """Return the hour that the tests use."""
    return installation.newest_hours(1)[0]


def expected(installation: Installation) -> list[Json]:
    """Return the events that pass a filter that shares no code with the app's."""
    records = SAMPLE.hour(newest(installation)).truth().records()
    return [record for record in records if keeps(WANTED, json.dumps(record).encode())]


def filtered(installation: Installation, destination_id: str) -> Json:
    """Return a destination with a filter."""
    body = installation.destination(destination_id, SAMPLE, newest(installation), (DataType.EVENTS,))
    return body | {"events": body["events"] | {"filter": WANTED}}


def test_a_previewed_hour_is_the_one_that_is_exported(app: App, shared: Installation, tmp_path: Path) -> None:
    """The same counts and the same rows. The ledger and the marker name the filter."""
    start, wanted = newest(shared), expected(shared)
    assert app.activate(filtered(shared, "filtered"))["events"]["filter"] == WANTED
    assert contents(shared.container("filtered")) == {}

    previewed = ok(app.api.post("/destinations/filtered/preview", {"hour": key_of(start)}))
    assert contents(shared.container("filtered")) == {}
    app.tick()
    (hour,) = app.exported("filtered", [start])

    assert 0 < len(wanted) < SAMPLE.events_per_hour
    assert hour["rows"]["filtered"] == SAMPLE.events_per_hour - len(wanted)
    assert (previewed["rows"], previewed["complete"]) == (hour["rows"], True)
    written = contents(shared.container("filtered"))
    part, marker = sorted(written)
    rows = Files.saved(tmp_path, [(part, written[part])]).lines()
    assert {row["uuid"] for row in rows} == {row["uuid"] for row in wanted}
    assert previewed["examples"] == rows[:10]
    assert json.loads(written[marker])["filter_sha256"] == hour["filter_sha256"] == read(WANTED).sha256
    alone = "/destinations/filtered/hours/" + key_of(start)
    assert ok(app.api.get(alone))["filter_changed"] is False
    body = filtered(shared, "filtered")
    ok(app.api.put("/destinations/filtered", body | {"events": {"project_id": SAMPLE.project_id}}))
    assert ok(app.api.get(alone))["filter_changed"] is True


def test_another_filter_can_be_tried_and_changes_nothing(app: App, shared: Installation) -> None:
    """The destination and its hour are unchanged."""
    before = app.api.put("/destinations/tried", filtered(shared, "tried"))
    hour = {"hour": key_of(newest(shared))}

    nothing = ok(app.api.post("/destinations/tried/preview", hour | {"filter": NOTHING}))
    everything = ok(app.api.post("/destinations/tried/preview", hour | {"filter": None}))

    assert (nothing["rows"]["exported"], nothing["examples"]) == (0, [])
    assert everything["rows"]["exported"] == SAMPLE.events_per_hour
    assert app.api.get("/destinations/tried").headers["etag"] == before.headers["etag"]


def test_a_filter_is_previewed_before_there_is_a_destination(app: App, shared: Installation) -> None:
    """On the newest hour that has landed, with the properties that its rows have."""
    body = {"project_id": SAMPLE.project_id, "filter": WANTED}

    newest_hour = ok(app.api.post("/preview", body))
    same = ok(app.api.post("/preview", body | {"hour": newest_hour["hour"]}))
    nothing = app.api.post("/preview", {"project_id": 1})

    assert newest_hour == same
    assert newest_hour["hour"] == key_of(newest(shared))
    assert newest_hour["rows"]["exported"] == len(expected(shared))
    names = {each["property"] for each in newest_hour["properties"]}
    assert {"event_type", "uuid"} <= names
    assert any(name.startswith("event_properties.") for name in names)
    assert (nothing.status, nothing.body["code"]) == (404, "nothing_landed")
    assert app.api.post("/preview", {"project_id": "x", "hour": "now"}).status == 422


def test_what_is_wrong_with_a_filter_is_told_where_it_stands(app: App, shared: Installation) -> None:
    """In the destination's filter as in the one that is tried."""
    wrong = {"any": [condition("event_type", "matches", "("), condition("evnt_type", "is_set")]}
    body = filtered(shared, "wrong")

    put = app.api.put("/destinations/wrong", body | {"events": body["events"] | {"filter": wrong}})
    app.api.put("/destinations/right", filtered(shared, "right"))
    tried = app.api.post("/destinations/right/preview", {"hour": "now", "filter": wrong})

    assert (put.status, tried.status) == (422, 422)
    places = ["any.0.values.0", "any.1.property"]
    assert [each["field"] for each in put.body["errors"]] == [f"events.filter.{place}" for place in places]
    assert {each["field"] for each in tried.body["errors"]} == {"hour", *(f"filter.{at}" for at in places)}


def test_a_destination_without_events_has_no_preview(app: App, shared: Installation) -> None:
    """409: a preview is for events."""
    body = shared.destination("merges", SAMPLE, newest(shared), (DataType.MERGED_IDS,))
    app.api.put("/destinations/merges", body)

    answer = app.api.post("/destinations/merges/preview", {"hour": key_of(newest(shared))})

    assert (answer.status, answer.body["code"]) == (409, "no_events")
