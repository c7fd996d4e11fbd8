"""A destination over HTTP from its first test upload to its deletion; answers to unusual requests."""

import gzip
import json
from collections.abc import Iterator
from datetime import datetime

import jsonschema_rs
import pytest

from infra.local.api import Answer
from infra.local.sample import Sample
from tests.support.api_calls import draft, fields, the_problem
from tests.support.customer_files import contents
from tests.support.installation import App, Installation, Json, key_of, ok

SAMPLE = Sample(events_per_hour=20, merges_per_hour=5)
STEPS = ["sign_in", "write", "read", "list", "delete"]


@pytest.fixture(scope="module")
def app(shared: Installation) -> Iterator[App]:
    """Run an app whose timer function the tests run. Each test uses other destinations."""
    with shared.app() as running:
        yield running


def delete(app: App, path: str, **headers: str) -> Answer:
    """Send a DELETE."""
    return app.api.call("DELETE", f"/api{path}", b"", **headers)


def check_hours(app: App, path: str, two: tuple[datetime, datetime], hours: list[Json]) -> None:
    """Compare the summary of two hours, and one of them alone, with the list of them."""
    first, second = two
    events = [hour for hour in hours if hour["data_type"] == "events"]
    span = f"data_type=events&from={key_of(first)}&to={key_of(second)}"
    summary = ok(app.api.get(f"{path}/hours/summary?{span}"))
    assert summary == {
        "data_type": "events",
        "by": "hour",
        "first": key_of(first),
        "status": "".join({"exported": "E", "empty": "."}[hour["status"]] for hour in events),
        "rows": [hour["rows"]["exported"] for hour in events],
        "rejected": [hour["rows"]["rejected"] for hour in events],
        "bytes": [sum(part["bytes"] for part in hour["parts"]) for hour in events],
        "late": [0, 0],
    }
    assert sum(ok(app.api.get(f"{path}/hours/summary?{span}&by=day"))["hours"]["exported"]) > 0
    alone = ok(app.api.get(f"{path}/hours/{key_of(second)}?data_type=events"))
    assert alone == events[1] | {
        "previous": key_of(first),
        "next": None,
        "filter_changed": False,
        "retry_at": None,
        "log": None,
    }
    known = app.api.get(f"{path}/hours?{span}")
    unchanged = app.api.call("GET", f"/api{path}/hours?{span}", If_None_Match=known.headers["etag"])
    assert (unchanged.status, unchanged.body) == (304, None)
    assert {known.headers["cache-control"], unchanged.headers["cache-control"]} == {"no-store"}
    of_status = f"{path}/hours?{span}&status={events[0]['status']}"
    assert events[0] in ok(app.api.get(of_status))["hours"]
    assert ok(app.api.get(f"{path}/hours?{span}&status=failed"))["hours"] == []
    the_problem(app.api.get(f"{path}/hours/2001-01-01T00"), 404, "hour_not_found")
    assert fields(app.api.get(f"{path}/hours/yesterday?data_type=rows")) == {"hour", "data_type"}


def check_list(app: App, body: Json, listed: Json) -> None:
    """Compare a paused destination in the list with the same one alone, and select it."""
    shown = app.destination("lives")
    # Only the answer about one destination has these.
    of_one = {
        "last_24_hours",
        "warning",
        "credentials",
        "output",
        "notify",
        "notify_state",
        "credentials_expire_at",
    }
    assert shown.keys() - listed.keys() == of_one
    light = {key: shown[key] for key in shown.keys() - of_one} | {
        "events": {"project_id": body["events"]["project_id"], "filtered": False},
        "last_test_upload": {key: shown["last_test_upload"][key] for key in ("at", "ok")},
    }
    assert listed == light
    assert ok(app.api.get("/destinations?status=paused&q=LIVES&limit=1"))["destinations"] == [light]
    summary = ok(app.api.get("/summary"))
    assert summary["destinations"]["paused"] >= 1
    assert (summary["owed_hours"] >= 4, summary["complete"]) == (True, True)
    behind = ok(app.api.get("/destinations?sort=behind"))["destinations"]
    owed = [sum(each["owed_hours"].values()) for each in behind]
    assert light in behind
    assert owed == sorted(owed, reverse=True)
    assert fields(app.api.get("/destinations?sort=behind&q=x&after=y")) == {"q", "after"}
    assert fields(app.api.get("/destinations?sort=size")) == {"sort"}
    assert ok(app.api.get("/destinations?after=lives"))["destinations"] == []


def test_a_destination_lives_and_its_history_outlives_it(app: App, shared: Installation) -> None:
    """Created, tested, activated, exported, paused, resumed, deleted and created again."""
    first, second = shared.newest_hours(2)
    body, path = shared.destination("lives", SAMPLE, first), "/destinations/lives"
    shared.land(SAMPLE.hour(first))
    assert app.api.put(path, body, If_None_Match="*").status == 201
    the_problem(app.api.put(path, body, If_None_Match="*"), 412, "destination_exists")
    tag = app.api.get(path).headers["etag"]

    report = ok(app.api.post(f"{path}/test-upload"))
    assert [(step["step"], step["status"]) for step in report["steps"]] == [(s, "passed") for s in STEPS]
    kept = app.destination("lives")["last_test_upload"]
    assert kept == report | {"at": kept["at"]}
    assert app.api.get(path).headers["etag"] == tag
    the_problem(app.api.post(f"{path}/pause"), 409, "destination_not_active")

    assert fields(app.api.post(f"{path}/activate", {"from": "2999-01-01"})) == {"from"}
    active = app.api.call("POST", f"/api{path}/activate", If_Match=tag)
    assert (active.status, active.body["status"]) == (200, "active")
    the_problem(app.api.post(f"{path}/activate", {"from": "2020-01-25"}), 409, "activated_before")
    the_problem(app.api.call("POST", f"/api{path}/pause", If_Match=tag), 412, "destination_changed")
    assert ok(app.api.post(f"{path}/pause"))["status"] == "paused"
    shown = app.destination("lives")
    assert ok(app.api.put(path, shown)) == shown
    assert fields(app.api.put(path, shown | {"status": "active"})) == {"status"}
    app.tick()
    listed = {each["id"]: each for each in ok(app.api.get("/destinations"))["destinations"]}
    check_list(app, body, listed["lives"])
    assert listed["lives"]["owed_hours"] == {"events": 2, "merged_ids": 2}
    assert listed["lives"]["behind_since"] == {"events": key_of(first), "merged_ids": key_of(first)}
    assert ok(app.api.post(f"{path}/resume"))["status"] == "active"
    app.tick()
    hours = app.exported("lives", [first, second])
    done = app.destination("lives")
    assert (done["owed_hours"]["events"], done["behind_since"]["events"]) == (0, None)
    assert {hour["status"]: hour["output"] for hour in hours}.keys() == {"exported", "empty"}
    assert all(hour["output"] == done["output"] for hour in hours)
    check_hours(app, path, (first, second), hours)

    the_problem(delete(app, path, If_Match=tag), 412, "destination_changed")
    for _ in range(2):
        gone = delete(app, path)
        assert (gone.status, gone.body) == (204, None)
    for answer in (app.api.get(path), app.api.post(f"{path}/activate"), app.api.post(f"{path}/resume")):
        the_problem(answer, 404, "destination_deleted")
    assert "lives" not in {each["id"] for each in ok(app.api.get("/destinations"))["destinations"]}
    (deleted,) = ok(app.api.get("/destinations?deleted=true&q=lives"))["destinations"]
    alone = ok(app.api.get(f"{path}?deleted=true"))
    assert (deleted["id"], deleted["status"], alone["status"]) == ("lives", "deleted", "deleted")
    assert app.hours("lives", [first, second]) == hours
    credentials = {"type": "connection_string"}
    assert fields(app.api.put(path, body | {"credentials": credentials})) == {"credentials.connection_string"}

    again = app.api.put(path, body, If_None_Match="*")
    assert (again.status, again.body["status"], again.body["last_test_upload"]) == (201, "draft", None)
    assert app.hours("lives", [first, second]) == hours


def test_the_rows_of_the_files_are_as_the_schemas_say(app: App, shared: Installation) -> None:
    """For both data types, in both formats of times."""
    schemas = ok(app.api.get("/schemas"))
    (start,) = shared.newest_hours(1)
    shared.land(SAMPLE.hour(start))
    for name, timestamps in (("iso", "iso8601"), ("original", "amplitude")):
        app.activate(shared.destination(name, SAMPLE, start, timestamp_format=timestamps))
    app.tick()
    for name in ("iso", "original"):
        app.exported(name, [start])
        files = contents(shared.container(name))
        for beginning, data_type in ((str(SAMPLE.project_id), "events"), (f"-{SAMPLE.org_id}", "merged_ids")):
            validator = jsonschema_rs.Draft202012Validator(schemas[data_type], validate_formats=True)
            rows = [
                json.loads(line)
                for file, content in files.items()
                if file.startswith(beginning) and file.endswith(".gz")
                for line in gzip.decompress(content).splitlines()
            ]
            assert rows
            assert all(validator.is_valid(row) for row in rows)
            assert not any(validator.is_valid(row | {"further": 1}) for row in rows)
            assert not any(validator.is_valid(dict(list(row.items())[1:])) for row in rows)


def test_a_destination_is_tried_before_it_is_saved(app: App, shared: Installation) -> None:
    """With the report that an activation gives. Nothing is stored, here or in the container."""
    container = shared.container("unsaved")

    report = ok(app.api.post("/test-upload", draft(shared, "unsaved", id="unsaved")))
    failed = ok(app.api.post("/test-upload", draft(shared, "not-there")))

    assert (report["ok"], [step["step"] for step in report["steps"]]) == (True, STEPS)
    assert (failed["ok"], failed["steps"][1]["code"]) == (False, "container_not_found")
    assert list(container.list_blob_names()) == []
    assert app.api.get("/destinations/unsaved").status == 404
    wrong = draft(shared, "unsaved", id="No id", credentials={"type": "connection_string"}, name="")
    assert fields(app.api.post("/test-upload", wrong)) == {"id", "name"}
    silent = draft(shared, "unsaved", credentials={"type": "connection_string"})
    assert fields(app.api.post("/test-upload", silent)) == {"credentials.connection_string"}


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "text/json"])
def test_what_does_not_say_it_is_json_is_refused(app: App, content_type: str) -> None:
    """As ``curl -d`` sends it, for example. The answer says what to send instead."""
    for method, path in (("PUT", "/api/destinations/typed"), ("POST", "/api/test-upload")):
        body = the_problem(app.api.call(method, path, b"{}", Content_Type=content_type), 415, "not_json")
        assert "application/json" in body["detail"]


def test_json_may_say_its_encoding(app: App) -> None:
    """UTF-8 is the only one."""
    answer = app.api.call(
        "PUT", "/api/destinations/typed", b"{}", Content_Type="Application/JSON; charset=UTF-8"
    )

    assert answer.status == 422


def test_unknown_parameters_are_told_with_all_that_is_wrong(app: App, shared: Installation) -> None:
    """A misspelt parameter must not be ignored."""
    body = draft(shared, "misspelt", name="")

    assert fields(app.api.put("/destinations/misspelt?forced=true&x=1", body)) == {"forced", "x", "name"}
    assert fields(app.api.get("/destinations?state=failing&limit=0&after=A")) == {"state", "limit", "after"}
    assert fields(app.api.get("/health?verbose=1")) == {"verbose"}
    assert fields(app.api.get("/destinations/acme/hours?form=2026-01-31T13&to=x")) == {"form", "to"}
    assert app.api.get("/health?code=any-key").status == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/destinations/acme", "DELETE, GET, PUT"),
        ("POST", "/destinations", "GET"),
        ("GET", "/test-upload", "POST"),
        ("DELETE", "/Destinations/acme/HOURS", "GET"),
        ("OPTIONS", "/health", "GET"),
    ],
)
def test_a_route_tells_which_methods_it_takes(app: App, method: str, path: str, allowed: str) -> None:
    """405 with Allow, where the host itself would answer 404."""
    answer = app.api.call(method, f"/api{path}")

    the_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["", "/", "/no", "/destinations/acme/no", "/destinations/acme/hours/x/y"])
def test_an_unknown_route_is_a_problem_like_any_other(app: App, path: str) -> None:
    """The answer says where the routes are listed."""
    body = the_problem(app.api.get(path), 404, "route_not_found")

    assert "openapi.json" in body["detail"]
