"""The API over HTTP: answers and errors."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from infra.local.sample import DataType, Sample
from tests.support.api_calls import draft, fields, the_problem
from tests.support.installation import LANDING, App, Installation, Json, key_of, now, ok

SAMPLE = Sample(events_per_hour=20, merges_per_hour=5)
COUNTS = ("read", "exported", "filtered", "duplicate", "rejected", "amended")
NO_ROWS: Json = dict.fromkeys(COUNTS, 0) | {"rejected_by_reason": {}}


@pytest.fixture(scope="module")
def app(shared: Installation) -> Iterator[App]:
    """Return an app without ticks; each test has its own destinations."""
    with shared.app() as running:
        yield running


def test_the_app_is_healthy(app: App) -> None:
    """All settings are set."""
    answer = app.api.call("GET", "/api/health")

    assert (answer.status, answer.body) == (200, {"status": "ok"})
    assert answer.headers["content-type"] == "application/json"


def test_a_destination_is_made_once_and_replaced_afterwards(app: App, shared: Installation) -> None:
    """201, then 200; missing fields have defaults, and the times stay."""
    path, body = "/destinations/made", draft(shared, "made")

    made = app.api.put(path, body)
    replaced = app.api.put(path, body | {"name": "Renamed"})

    assert (made.status, replaced.status) == (201, 200)
    assert made.body == {
        "id": "made",
        "name": "Acme raw events",
        "events": {"project_id": SAMPLE.project_id, "filter": None},
        "merged_ids": None,
        "storage": {"account_url": shared.endpoints.account_url, "container": "made", "prefix": ""},
        "credentials": {"type": "connection_string"},
        "output": {
            "name_style": "amplitude",
            "path_layout": "flat",
            "timestamp_format": "iso8601",
            "extra_keys": "drop",
            "completion_marker": True,
            "max_part_mib": 256,
            "compression": "balanced",
        },
        "notify": None,
        "notify_state": None,
        "credentials_expire_at": None,
        "status": "draft",
        "created_at": made.body["created_at"],
        "activated_at": None,
        "last_exported_hour": {"events": None},
        "owed_hours": {"events": 0},
        "behind_since": {"events": None},
        "held_by": {"events": None},
        "last_error": None,
        "last_24_hours": {"events": NO_ROWS},
        "warning": None,
        "last_test_upload": None,
    }
    assert replaced.body == made.body | {"name": "Renamed"}
    assert app.api.get(path).body == replaced.body
    assert app.api.get(path).headers["etag"] == replaced.headers["etag"] != made.headers["etag"]


def test_if_match_replaces_only_the_version_of_the_caller(app: App, shared: Installation) -> None:
    """412 for an old ETag or a missing destination, and nothing changes."""
    path, body = "/destinations/matched", draft(shared, "matched")
    first = app.api.put(path, body).headers["etag"]
    second = app.api.put(path, body | {"name": "Second"}, If_Match=first)
    assert second.status == 200

    stale = app.api.put(path, body | {"name": "Third"}, If_Match=first)
    nothing = app.api.put("/destinations/never-made", body, If_Match=first)

    the_problem(stale, 412, "destination_changed")
    the_problem(nothing, 412, "destination_changed")
    assert app.destination("matched")["name"] == "Second"
    assert app.api.get("/destinations/never-made").status == 404
    for condition in (second.headers["etag"], "*"):
        answer = app.api.put(path, body, If_Match=condition)
        assert answer.status == 200
        assert re.fullmatch(
            '"[^"]+"', answer.headers["etag"]
        )  # a strong ETag: If-Match never matches a weak one


def test_a_replacement_without_the_secret_keeps_the_stored_one(app: App, shared: Installation) -> None:
    """The kept secret still works; a new destination needs a secret."""
    shared.container("kept")
    path, body = "/destinations/kept", draft(shared, "kept")
    silent = body | {"credentials": {"type": "connection_string"}}

    assert fields(app.api.put(path, silent)) == {"credentials.connection_string"}
    assert app.api.put(path, body).status == 201
    assert app.api.put(path, silent | {"name": "Renamed"}).status == 200
    assert ok(app.api.post(f"{path}/activate"))["status"] == "active"


def test_all_problems_are_reported_at_once(app: App, shared: Installation) -> None:
    """Unknown fields, wrong types and values in every part of the request; nothing is stored."""
    body = draft(
        shared,
        "wrong",
        name="",
        events={"project_id": "187520"},
        merged_ids={"org_id": 0, "orgid": 1},
        storage={"container": "No_Container", "prefix": "/raw/", "account_url": "https://evil.test"},
        credentials={"type": "carrier_pigeon", "connection_string": "BlobEndpoint=https://evil.test"},
        output={"name_style": "fancy", "completion_marker": "yes", "max_part_mib": 0, "colour": "red"},
        shape="round",
        id="another",
    )

    wrong = fields(app.api.put("/destinations/wrong", body))

    assert wrong == {
        *("id", "name", "events.project_id", "merged_ids.org_id", "merged_ids.orgid", "shape"),
        *("storage.container", "storage.prefix", "storage.account_url"),
        "credentials.type",
        *("output.name_style", "output.completion_marker", "output.max_part_mib", "output.colour"),
    }
    assert app.api.get("/destinations/wrong").status == 404


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"events": None}, {"events"}),
        ({"events": None, "merged_ids": None}, {"events"}),
        ({"id": "another"}, {"id"}),
        ({"name": "x" * 201}, {"name"}),
        ({"events": {}}, {"events.project_id"}),
        ({"events": {"project_id": True}}, {"events.project_id"}),
        ({"events": {"project_id": -1}}, {"events.project_id"}),
        ({"storage": {}}, {"storage.container"}),
        ({"storage": {"container": "raw", "prefix": "a//b"}}, {"storage.prefix"}),
        ({"storage": {"container": "raw", "prefix": "a/../b"}}, {"storage.prefix"}),
        ({"storage": {"container": "raw", "prefix": "a/"}}, {"storage.prefix"}),
        ({"storage": {"container": "raw", "prefix": "a\nb"}}, {"storage.prefix"}),
        ({"storage": {"container": "raw", "account_url": "http://127.0.0.1:1/x"}}, {"storage.account_url"}),
        ({"storage": {"container": "raw", "account_url": "https://evil.test"}}, {"storage.account_url"}),
        ({"storage": {"container": "raw", "account_url": "file:///etc"}}, {"storage.account_url"}),
        ({"output": {"max_part_mib": 1.5}}, {"output.max_part_mib"}),
        ({"output": None}, {"output"}),
    ],
)
def test_a_wrong_field_is_named(
    app: App, shared: Installation, changes: dict[str, object], wrong: set[str]
) -> None:
    """By its path in the request."""
    answer = app.api.put("/destinations/one-wrong", draft(shared, "one-wrong", **changes))

    assert fields(answer) == wrong


@pytest.mark.parametrize(
    "endpoint",
    ["http://169.254.169.254/metadata", "https://localhost/x", "https://acme.blob.core.windows.net"],
)
def test_a_connection_string_leads_to_allowed_hosts_only(
    app: App, shared: Installation, endpoint: str
) -> None:
    """For example not to the metadata service."""
    secret = f"AccountName=acme;AccountKey=c2VjcmV0;BlobEndpoint={endpoint}"
    credentials = {"type": "connection_string", "connection_string": secret}

    answer = app.api.put("/destinations/elsewhere", draft(shared, "elsewhere", credentials=credentials))

    assert fields(answer) == {"credentials.connection_string"}


@pytest.mark.parametrize("container", [LANDING, "rejected", "export-state", "azure-webjobs-hosts"])
@pytest.mark.parametrize("alias", ["127.0.0.1", "localhost"])
def test_the_exporters_own_containers_are_no_destination(
    app: App, shared: Installation, container: str, alias: str
) -> None:
    """By connection string and by URL; files in landing would be exported again."""
    url = shared.endpoints.account_url.replace("127.0.0.1", alias)
    text = shared.connection_string.replace("127.0.0.1", alias)
    credentials = {"type": "connection_string", "connection_string": text}
    for storage in (
        {"container": container, "prefix": "events/1"},
        {"container": container, "account_url": url},
    ):
        body = draft(shared, "inside", storage=storage, credentials=credentials)
        assert fields(app.api.put("/destinations/inside", body)) == {"storage.container"}
        assert fields(app.api.post("/test-upload", body)) == {"storage.container"}


def test_the_second_destination_with_the_same_names_is_refused(app: App, shared: Installation) -> None:
    """The answer names the first; after its deletion the second is created."""
    body = draft(shared, "shared-names")
    assert app.api.put("/destinations/names-first", body).status == 201
    by_url = body | {
        "storage": {"container": "shared-names", "account_url": f"{shared.endpoints.account_url}/"}
    }

    refused = app.api.put("/destinations/names-second", by_url)

    assert "names-first" in the_problem(refused, 409, "names_taken")["detail"]
    assert app.api.get("/destinations/names-second").status == 404
    assert app.api.call("DELETE", "/api/destinations/names-first").status == 204
    assert app.api.put("/destinations/names-second", by_url).status == 201
    assert the_problem(app.api.put("/destinations/names-first", body), 409, "names_taken")


def test_of_many_destinations_with_the_same_names_one_is_made(app: App, shared: Installation) -> None:
    """Of concurrent requests."""
    body = draft(shared, "rush")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: app.api.put(f"/destinations/rush-{number}", body), range(8)))

    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    assert {answer.body["code"] for answer in answers if answer.status == 409} == {"names_taken"}


def test_a_kept_connection_string_is_for_its_account_alone(app: App, shared: Installation) -> None:
    """Another account in the URL needs a new secret; nothing changes."""
    path, body = "/destinations/kept", draft(shared, "kept")
    made = app.api.put(path, body)
    kept = body | {"credentials": {"type": "connection_string"}}
    other = shared.endpoints.account_url.replace("devstoreaccount1", "another")

    refused = app.api.put(path, kept | {"storage": {"container": "kept", "account_url": other}})

    assert fields(refused) == {"credentials.connection_string"}
    shown = app.api.put(path, kept)
    assert (shown.status, shown.body["storage"]) == (200, made.body["storage"])


@pytest.mark.parametrize("destination_id", ["Upper", "-acme", "acme-", "a" * 64, "a_b", "a%20b", "a.b"])
def test_an_invalid_id_is_refused(app: App, shared: Installation, destination_id: str) -> None:
    """An id becomes part of keys and names."""
    answer = app.api.put(f"/destinations/{destination_id}", draft(shared, "raw"))

    assert fields(answer) == {"id"}


@pytest.mark.parametrize("body", [b"", b"{", b'{"name": "a" "b"}', b"\xff\xfe", b"'acme'"])
def test_an_invalid_json_body_is_a_bad_request(app: App, body: bytes) -> None:
    """400: the request cannot be parsed."""
    the_problem(app.api.call("PUT", "/api/destinations/unread", body), 400, "invalid_json")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"acme"', b"7"])
def test_json_that_is_no_destination_is_invalid(app: App, body: bytes) -> None:
    """422: the request can be parsed."""
    assert fields(app.api.call("PUT", "/api/destinations/unread", body)) == {"(body)"}


def test_a_body_above_the_limit_is_refused(app: App) -> None:
    """No request needs so much."""
    body = b" " * (1024 * 1024) + b"{}"

    the_problem(app.api.call("PUT", "/api/destinations/large", body), 413, "body_too_large")


def test_a_destination_without_a_container_is_not_activated(app: App, shared: Installation) -> None:
    """422 with the report: the failed step, the reason, and the command that repairs it."""
    app.api.put("/destinations/no-container", draft(shared, "no-container"))

    answer = app.api.post("/destinations/no-container/activate")

    body = the_problem(answer, 422, "container_not_found")
    assert body["ok"] is False
    assert [(step["step"], step["status"], step["code"]) for step in body["steps"]] == [
        ("sign_in", "passed", None),
        ("write", "failed", "container_not_found"),
        ("read", "skipped", None),
        ("list", "skipped", None),
        ("delete", "skipped", None),
    ]
    assert "az storage container create" in body["steps"][1]["fix"]
    assert "--name no-container" in body["steps"][1]["fix"]
    assert app.destination("no-container")["status"] == "draft"


def test_an_activation_leaves_nothing_behind(app: App, shared: Installation) -> None:
    """The test upload writes below the prefix, and deletes its blob."""
    container = shared.container("activated")
    storage = {"container": "activated", "prefix": "raw"}
    app.api.put("/destinations/activated", draft(shared, "activated", storage=storage))

    destination = ok(app.api.post("/destinations/activated/activate"))

    assert destination["status"] == "active"
    assert destination["activated_at"]
    assert list(container.list_blob_names()) == []


def test_activating_again_changes_nothing(app: App, shared: Installation) -> None:
    """The time of activation decides which hours are owed, so it stays."""
    shared.container("twice")
    app.api.put("/destinations/twice", draft(shared, "twice"))

    first, second = (ok(app.api.post("/destinations/twice/activate")) for _ in range(2))

    assert first["last_test_upload"]["ok"]
    assert first | {"last_test_upload": None} == second | {"last_test_upload": None}


def test_events_are_owed_from_the_day_of_activation(app: App, shared: Installation) -> None:
    """Every closed hour since 00:00 UTC of that day, and no earlier landed hour."""
    shared.container("today")
    shared.blobs.get_blob_client(LANDING, "events/4711/2020/01/01/00/a.json").upload_blob(b"")
    app.api.put("/destinations/today", draft(shared, "today", events={"project_id": 4711}))
    activated = ok(app.api.post("/destinations/today/activate"))["activated_at"]
    week = now() - timedelta(days=7)

    hours = ok(app.api.get(f"/destinations/today/hours?from={key_of(week)}"))["hours"]

    newest = shared.newest_hours(1)[0]
    midnight = newest.replace(hour=0)
    expected = [key_of(midnight + timedelta(hours=hour)) for hour in range(newest.hour + 1)]
    # Shortly after midnight, all closed hours are of the day before.
    assert [hour["hour"] for hour in hours] == [each for each in expected if each >= activated[:10]]
    assert all((hour["status"], hour["attempts"]) == ("owed", 0) for hour in hours)


def test_hours_are_selected_by_range_and_data_type(app: App, shared: Installation) -> None:
    """Both ends are inclusive, the oldest hour is first, open hours are left out."""
    starts = shared.newest_hours(5)
    app.activate(shared.destination("ranges", SAMPLE, starts[0]))
    keys = [key_of(start) for start in starts]

    def listed(query: str) -> list[tuple[str, str]]:
        hours = ok(app.api.get(f"/destinations/ranges/hours{query}"))["hours"]
        return [(hour["hour"], hour["data_type"]) for hour in hours]

    both = [(key, data_type.value) for key in keys for data_type in DataType]
    assert listed("") == both
    assert listed(f"?from={keys[1]}&to={keys[3]}") == both[2:8]
    assert listed(f"?to={keys[0]}") == both[:2]
    assert listed(f"?from={keys[4]}") == both[8:]
    assert listed("?data_type=merged_ids") == [each for each in both if each[1] == "merged_ids"]
    assert listed(f"?data_type=events&from={keys[2]}&to={keys[2]}") == [(keys[2], "events")]
    later = key_of(starts[-1] + timedelta(hours=1))
    assert listed(f"?from={keys[4]}&to={later}") == both[8:]
    assert listed(f"?from={later}&to={later}") == []


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("from=yesterday&to=2026-01-31&data_type=both", {"from", "to", "data_type"}),
        ("from=2026-01-31T14&to=2026-01-31T13", {"from"}),
        ("from=2020-01-01T00&to=2026-01-31T13", {"from"}),
        ("from=2026-01-31T24", {"from"}),
        ("to=2026-01-31T13:00", {"to"}),
    ],
)
def test_a_bad_range_is_refused(app: App, shared: Installation, query: str, wrong: set[str]) -> None:
    """With every wrong parameter."""
    app.api.put("/destinations/ranged", draft(shared, "ranged"))

    assert fields(app.api.get(f"/destinations/ranged/hours?{query}")) == wrong


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", ""), ("DELETE", ""), ("GET", "/hours"), ("POST", "/test-upload")),
        *(("POST", "/activate"), ("POST", "/pause"), ("POST", "/resume")),
    ],
)
def test_an_unknown_destination_is_not_found(app: App, method: str, path: str) -> None:
    """By every route."""
    answer = app.api.call(method, f"/api/destinations/nobody{path}")

    the_problem(answer, 404, "destination_not_found")
