"""Sources over HTTP: answers and errors, and the test against an Export API."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from infra.local.api import Answer
from infra.local.export_api import ExportApi, Member, Project, answers, export_api_running, members_of
from infra.local.sample import Sample
from tests.support.api_calls import fields, the_problem
from tests.support.installation import App, Installation, Json, key_of, now, ok

SAMPLE = Sample(events_per_hour=20, blobs_per_hour=2, real_shaped=True)
API_KEY, SECRET_KEY = "0123456789abcdef", "fedcba9876543210"
STEPS = ["sign_in", "project", "export"]


@pytest.fixture(scope="module")
def app(shared: Installation) -> Iterator[App]:
    """Return an app whose timers do not run; each test has its own sources."""
    with shared.app() as running:
        yield running


@pytest.fixture
def api() -> Iterator[ExportApi]:
    """Run the Export API."""
    with export_api_running(Project(SAMPLE.project_id, API_KEY, SECRET_KEY)) as running:
        yield running


def source(project_id: int, **changes: object) -> Json:
    """Return the body of a source; a field of None is left out."""
    body = {
        "type": "amplitude_export",
        "project_id": project_id,
        "region": "eu",
        "base_url": "http://127.0.0.1:9",
        "api_key": API_KEY,
        "secret_key": SECRET_KEY,
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def call(app: App, method: str, path: str, **headers: str) -> Answer:
    """Call the API without a body."""
    return app.api.call(method, f"/api{path}", b"", **headers)


def test_a_source_is_made_once_and_replaced_afterwards(app: App) -> None:
    """201, then 200; missing fields have defaults, and the secret key comes in no answer."""
    before = now()

    made = app.api.put("/sources/made", source(1))
    replaced = app.api.put("/sources/made", source(1, secret_key=None, lag_minutes=60, repull_hours=[2]))

    today = before.replace(hour=0)
    assert (made.status, replaced.status) == (201, 200)
    assert made.body == {
        "id": "made",
        "type": "amplitude_export",
        "project_id": 1,
        "region": "eu",
        "base_url": "http://127.0.0.1:9",
        "api_key": API_KEY,
        "start": key_of(today),
        "lag_minutes": 120,
        "repull_hours": [24, 72],
        "status": "active",
        "created_at": made.body["created_at"],
        "pulled_until": key_of(today),
        "owed_hours": max(0, before.hour - 2),
        "failed_hours": [],
        "last_error": None,
    }
    assert replaced.body == made.body | {
        "lag_minutes": 60,
        "repull_hours": [2],
        "owed_hours": max(0, before.hour - 1),
    }
    assert ok(app.api.get("/sources/made")) == replaced.body
    assert app.api.get("/sources/made").headers["etag"] == replaced.headers["etag"] != made.headers["etag"]


def test_conditions_hold_or_nothing_changes(app: App) -> None:
    """For each request that changes a source."""
    path, body = "/sources/conditions", source(2)
    the_problem(app.api.put(path, body, If_Match="*"), 412, "source_modified")
    tag = app.api.put(path, body, If_None_Match="*").headers["etag"]
    the_problem(app.api.put(path, body, If_None_Match="*"), 412, "source_exists")
    assert app.api.put(path, source(2, lag_minutes=90), If_Match=tag).status == 200
    for method, verb in (("POST", "/pause"), ("POST", "/resume"), ("POST", "/activate"), ("DELETE", "")):
        the_problem(call(app, method, path + verb, If_Match=tag), 412, "source_modified")
    assert ok(app.api.get(path))["status"] == "active"


def test_a_source_is_paused_resumed_and_deleted(app: App) -> None:
    """Its hours can be listed afterwards, and it can be created again with its secret key."""
    path, start = "/sources/moves", (now() - timedelta(hours=30)).replace(tzinfo=UTC)
    app.api.put(path, source(3, start=key_of(start)))
    assert ok(app.api.post(f"{path}/pause"))["status"] == "paused"
    hours = ok(app.api.get(f"{path}/hours"))["hours"]
    assert ok(app.api.post(f"{path}/resume"))["status"] == "active"
    assert [call(app, "DELETE", path).status for _ in range(2)] == [204, 204]
    gone = ok(app.api.get("/sources?deleted=true&limit=100"))["sources"]

    assert len(hours) == 22
    assert {hour["status"] for hour in hours} == {"owed"}
    assert hours[-1]["next_pull_at"] <= f"{now():%Y-%m-%dT%H:%M:%SZ}"
    for answer in (app.api.get(path), app.api.post(f"{path}/test"), app.api.post(f"{path}/pause")):
        the_problem(answer, 404, "source_deleted")
    assert [each["id"] for each in gone] == ["moves"]
    assert ok(app.api.get(f"{path}?deleted=true")) == gone[0]
    assert ok(app.api.get(f"{path}/hours"))["hours"] == []
    assert fields(app.api.put(path, source(3, secret_key=None))) == {"secret_key"}
    assert app.api.put(path, source(3)).status == 201


def test_a_project_has_one_source_and_a_source_one_project(app: App) -> None:
    """409, and the answer names the other one."""
    app.api.put("/sources/first", source(4))

    taken = the_problem(app.api.put("/sources/second", source(4)), 409, "project_taken")
    fixed = the_problem(app.api.put("/sources/first", source(5)), 409, "project_fixed")

    assert "first" in taken["detail"]
    assert "4" in fixed["detail"]


def test_all_problems_are_told_at_once(app: App) -> None:
    """Unknown fields and parameters, too; nothing is stored."""
    wrong = source(0, type="other", region=None, base_url="https://evil.example", api_key="a b", colour="red")

    found = fields(app.api.put("/sources/wrong?force=true", wrong | {"lag_minutes": 1, "id": "another"}))

    assert found == {
        "force",
        "type",
        "project_id",
        "region",
        "base_url",
        "api_key",
        "colour",
        "lag_minutes",
        "id",
    }
    the_problem(app.api.get("/sources/wrong"), 404, "source_not_found")
    assert fields(app.api.get("/sources?status=deleted&after=A&limit=0")) == {"status", "after", "limit"}
    assert fields(app.api.get("/sources/made/hours?from=x&status=running")) == {"from", "status"}


def test_sources_are_listed_page_by_page(app: App) -> None:
    """By id."""
    for number in range(3):
        app.api.put(f"/sources/zz-{number}", source(70 + number))
    app.api.post("/sources/zz-1/pause")

    first = ok(app.api.get("/sources?after=zz&limit=2"))
    second = ok(app.api.get(f"/sources?after={first['next']}&limit=2"))
    paused = ok(app.api.get("/sources?after=zz&status=paused"))

    assert [each["id"] for each in first["sources"] + second["sources"]] == ["zz-0", "zz-1", "zz-2"]
    assert (first["unreadable"], second["next"]) == ([], None)
    assert [each["id"] for each in paused["sources"]] == ["zz-1"]


def newest_due() -> datetime:
    """Return the newest hour that is due with a lag of two hours."""
    return (now() - timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)


def test_the_test_asks_as_a_pull_does(app: App, api: ExportApi) -> None:
    """For one hour, with the keys; nothing is landed."""
    start = newest_due()
    api.publish(start, members_of(SAMPLE.hour(start)))
    app.api.put("/sources/tested", source(SAMPLE.project_id, base_url=api.url))

    report = ok(app.api.post("/sources/tested/test"))

    assert report["ok"]
    assert [(step["step"], step["status"]) for step in report["steps"]] == [
        (name, "passed") for name in STEPS
    ]
    (asked,) = api.requests()
    assert (asked.hour, asked.start, asked.api_key) == (start, asked.end, API_KEY)
    call(app, "DELETE", "/sources/tested")


def test_each_failure_has_its_step_code_and_fix(app: App, api: ExportApi) -> None:
    """An activation that meets one is answered 422 with the report, and the source stays paused."""
    path, start = "/sources/fails", newest_due()
    app.api.put(path, source(SAMPLE.project_id, base_url=api.url))
    app.api.post(f"{path}/pause")
    foreign = Member.of_rows("77/77_2026-01-31_5#0.json.gz", [b'{"app": 77}'])
    cases = [
        (answers.wrong_credentials(), "sign_in", "credentials"),
        (answers.no_credentials(), "sign_in", "credentials"),
        (answers.redirect("https://evil.example/"), "sign_in", "redirect_refused"),
        (answers.rows([foreign]), "project", "wrong_project"),
        (answers.html_page(), "export", "no_zip"),
        (answers.too_many(9), "export", "rate_limited"),
        (answers.timed_out(), "export", "export_api_unavailable"),
    ]
    for answer, step, code in cases:
        api.script(start, answer, answer)

        report = ok(app.api.post(f"{path}/test"))
        refused = the_problem(app.api.post(f"{path}/activate"), 422, code)

        failed = [each for each in report["steps"] if each["status"] == "failed"]
        assert [(each["step"], each["code"]) for each in failed] == [(step, code)]
        assert all(each["message"] and each["fix"] for each in failed)
        assert (refused["ok"], refused["steps"]) == (False, report["steps"])
        assert ok(app.api.get(path))["status"] == "paused"
    assert ok(app.api.post(f"{path}/activate"))["status"] == "active"
    call(app, "DELETE", path)


def test_an_api_that_cannot_be_reached_is_told(app: App) -> None:
    """Nothing listens at the address."""
    app.api.put("/sources/silent", source(6))

    report = ok(app.api.post("/sources/silent/test"))

    assert (report["ok"], report["steps"][0]["code"]) == (False, "export_api_unreachable")


def test_a_pull_is_requested_watched_and_cancelled(app: App) -> None:
    """No timer runs: it stays queued until it is cancelled."""
    path = "/sources/pulls"
    app.api.put(path, source(8))
    day = f"{now() - timedelta(days=5):%Y-%m-%d}"

    made = app.api.post(f"{path}/pulls", {"start": day, "end": f"{now():%Y-%m-%d}"})
    where = made.headers["location"].removeprefix(f"{app.api.url}/api")
    shown = app.api.get(where)
    stopped = [ok(app.api.post(f"{where}/cancel")) for _ in range(2)]

    assert (made.status, made.headers["retry-after"], shown.headers["retry-after"]) == (202, "2", "2")
    assert made.body == shown.body
    assert where == f"{path}/pulls/{made.body['id']}"
    counts = made.body["hours"]
    assert counts == {"total": counts["total"], "done": 0, "empty": 0, "failed": 0, "left": counts["total"]}
    assert counts["total"] == 5 * 24 + max(0, now().hour - 2)
    assert made.body["clamped_to"] == key_of(newest_due())
    assert [each["status"] for each in stopped] == ["cancelled"] * 2
    assert "retry-after" not in app.api.get(where).headers
    assert ok(app.api.get(f"{path}/pulls"))["pulls"] == [stopped[1]]


def test_what_is_wrong_with_a_pull_is_told(app: App) -> None:
    """A range that ends before it begins, or is not due; an unknown source or pull."""
    app.api.put("/sources/ranges", source(9))
    later = f"{now() + timedelta(days=2):%Y-%m-%d}"
    for body in ({"start": "2026-01-02", "end": "2026-01-01"}, {"start": later, "end": later}):
        assert fields(app.api.post("/sources/ranges/pulls", body)) == {"start"}
    good = {"start": "2026-01-01", "end": "2026-01-01"}

    the_problem(app.api.post("/sources/nobody/pulls", good), 404, "source_not_found")
    for each in (app.api.get("/sources/ranges/pulls/x"), app.api.post("/sources/ranges/pulls/x/cancel")):
        the_problem(each, 404, "pull_not_found")
