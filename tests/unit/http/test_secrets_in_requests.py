"""A secret in a wrong place of a request is in no error answer and in no log record.

Every operation with a body gets a valid one with a secret somewhere in it: as a value, as a key, inside a URL
or a connection string, or in text that does not parse.
"""

import copy
import json
import logging
from collections.abc import Iterator
from typing import Any, cast

import azure.functions as func
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import function_app
from exporter import wiring
from exporter.domain.errors import named
from exporter.export.work_slots import WorkSlots
from exporter.http.routing import OPERATIONS
from exporter.settings import Settings
from exporter.storage.own.queues import OwnQueues
from tests.support.worlds import a_world

# In Azure's forms: an account key, a client secret, the signature of a SAS.
SECRETS = ["aHVudGVyMjpodW50ZXIyOmh1bnRlcjI6aHVudGVyMg==", "hun~8Q~ter2.HUNTER-2_hunter", "c2lnbmF0dXJl%2B3D"]
FORMS = [
    "{}",
    " {}",
    "https://{}",
    "https://{}.blob.core.windows.net",
    "https://acme.blob.core.windows.net/{}",
    "https://acme.blob.core.windows.net?sig={}",
    "https://user:{}@acme.blob.core.windows.net",
    "AccountName={};AccountKey=x",
    "AccountName=acme;AccountKey={};EndpointSuffix=evil.example",
    "AccountName=acme;AccountKey=x;EndpointSuffix={}",
    "BlobEndpoint=https://{};SharedAccessSignature=x",
    "DefaultEndpointsProtocol={};AccountName=acme",
    "sv=1&sig={}&se=1#",
    "({}",
    "{}\n",
    "2026-01-{}",
]
DESTINATION = {
    "id": "acme",
    "name": "Acme",
    "events": {
        "project_id": 187520,
        "filter": {
            "any": [
                {"property": "event_type", "operator": "matches", "values": ["a.*"]},
                {"not": {"property": "user_properties.plan", "operator": "is", "values": ["free", 1]}},
            ]
        },
    },
    "merged_ids": {"org_id": 189524},
    "storage": {"account_url": "https://acme.blob.core.windows.net", "container": "raw", "prefix": "a/b"},
    "credentials": {"type": "connection_string", "connection_string": "AccountName=acme;AccountKey=eA=="},
    "output": {"name_style": "safe", "max_part_mib": 7, "completion_marker": True},
    "notify": {"url": "https://hooks.example.com/x", "secret": "0123456789abcdef"},
}
BODIES: dict[str, dict[str, Any]] = {
    "put_destination": DESTINATION,
    "test_upload": DESTINATION
    | {"credentials": {"type": "service_principal", "tenant_id": "a.example", "client_id": "x"}},
    "activate_destination": {"from": "2026-01-25"},
    "create_backfill": {"start": "2026-01-25", "end": "2026-01-26T05", "data_types": ["events"]},
    "preview_destination": {"hour": "2026-01-25T05", "filter": DESTINATION["events"]["filter"]},  # type: ignore[index]
    "preview": {
        "project_id": 187520,
        "hour": "2026-01-25T05",
        "filter": DESTINATION["events"]["filter"],  # type: ignore[index]
    },
    "verify_destination": {
        "from": "2026-01-25",
        "to": "2026-01-25",
        "data_types": ["events"],
        "repair": False,
    },
}
SOURCE = {
    "id": "acme",
    "type": "amplitude_export",
    "project_id": 187520,
    "region": "eu",
    "base_url": "https://amplitude.com",
    "api_key": "the-api-key",
    "secret_key": "the-secret-key",
    "start": "2026-01-25T05",
    "lag_minutes": 120,
    "repull_hours": [24, 72],
}
BODIES |= {"put_source": SOURCE, "create_pull": {"start": "2026-01-25", "end": "2026-01-26T05"}}
SETTINGS = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "SECRETS_KEY": "A" * 43 + "=",
    "NOTIFY_HOSTS": "hooks.example.com",
}
FUNCTIONS = {each.get_function_name(): each.get_user_function() for each in function_app.app.get_functions()}


class Records(logging.Handler):
    """The text of all log records, with stack traces."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Add a record."""
        self.text += self.format(record) + "\n"


@pytest.fixture(autouse=True)
def app(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the functions on in-memory gateways."""
    gateways = a_world().gateways
    app = wiring.App(
        Settings.from_environ(SETTINGS), gateways, cast("OwnQueues", None), lambda: 0, WorkSlots()
    )
    monkeypatch.setattr(wiring, "_built", app)


@pytest.fixture
def records() -> Iterator[Records]:
    """Record all loggers."""
    listening, root = Records(), logging.getLogger()
    level = root.level
    root.addHandler(listening)
    root.setLevel(logging.NOTSET)
    yield listening
    root.removeHandler(listening)
    root.setLevel(level)


def places(document: object, way: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Yield the path to every value of a document."""
    yield way
    pairs = document.items() if isinstance(document, dict) else ()
    for key, inner in enumerate(document) if isinstance(document, list) else pairs:
        yield from places(inner, (*way, key))


def placed(document: object, way: tuple[Any, ...], text: str, how: str) -> object:
    """Return a document with a text in place of a value, in place of its key, or as a further key."""
    if not way:
        return text if how == "value" else {text: document}
    changed: Any = copy.deepcopy(document)
    holder = changed
    for key in way[:-1]:
        holder = holder[key]
    if how == "value":
        holder[way[-1]] = text
    elif isinstance(holder, list):
        holder.append({text: text})
    elif how == "key":
        holder[text] = holder.pop(way[-1])
    else:
        holder[text] = 1
    return changed


def ask(name: str, body: bytes, params: dict[str, str] | None = None) -> func.HttpResponse:
    """Call an operation as the Functions worker does."""
    declared, _ = OPERATIONS[name]
    request = func.HttpRequest(
        declared.method,
        f"http://127.0.0.1/api/{declared.route}",
        headers={"Content-Type": "application/json"},
        params=params or {},
        route_params={"id": "acme"},
        body=body,
    )
    answer: func.HttpResponse = FUNCTIONS[name](request)
    return answer


def leaks(answer: func.HttpResponse, records: Records, secret: str) -> bool:
    """Whether a secret is in an error answer or in the log."""
    told = f"{dict(answer.headers)} {answer.get_body().decode()}" if answer.status_code >= 400 else ""
    return any(form in told + records.text for form in (secret, secret.lower(), json.dumps(secret)[1:-1]))


def test_every_operation_with_a_body_is_tested() -> None:
    """A new operation with a body needs an entry in ``BODIES``."""
    assert {name for name, (declared, _) in OPERATIONS.items() if declared.body} == BODIES.keys()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("name", BODIES)
def test_a_secret_anywhere_in_a_body_is_not_returned(
    name: str, data: st.DataObject, records: Records
) -> None:
    """In any place, with any text around it."""
    way = data.draw(st.sampled_from(list(places(BODIES[name]))))
    secret = data.draw(st.sampled_from(SECRETS))
    how = data.draw(st.sampled_from(["value", "key", "beside"]))
    text = data.draw(st.sampled_from(FORMS)).format(secret)
    body = json.dumps(placed(BODIES[name], way, text, how)).encode()
    cut = data.draw(st.sampled_from([len(body)] * 9 + list(range(0, len(body), 40))))
    records.text = ""

    answer = ask(name, body[:cut])

    assert answer.status_code < 500
    assert not leaks(answer, records, secret), (answer.get_body(), records.text)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_in_the_query_is_not_returned(name: str, secret: str, records: Records) -> None:
    """As name and as value."""
    body = json.dumps(BODIES.get(name, {})).encode()
    values = ("from", "data_type", "force", "x", "q", "status", "after", "limit", "by")
    for params in ({secret: "1"}, *({each: secret} for each in values)):
        answer = ask_with_ids(name, body, params, "acme")

        assert answer.status_code < 500
        assert not leaks(answer, records, secret), (answer.get_body(), records.text)


@pytest.mark.parametrize(
    "name", sorted(name for name, (found, _) in OPERATIONS.items() if "{" in found.route)
)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_in_the_path_is_not_returned(name: str, secret: str, records: Records) -> None:
    """Users paste secrets into wrong fields of a form."""
    answer = ask_with_ids(name, json.dumps(BODIES.get(name, {})).encode(), {}, secret)

    assert 400 <= answer.status_code < 500
    assert not leaks(answer, records, secret), (answer.get_body(), records.text)


def ask_with_ids(name: str, body: bytes, params: dict[str, str], each: str) -> func.HttpResponse:
    """Call an operation with the same text for every id in its path."""
    declared, _ = OPERATIONS[name]
    request = func.HttpRequest(
        declared.method,
        f"http://127.0.0.1/api/{declared.route}",
        headers={"Content-Type": "application/json"},
        params=params,
        route_params=dict.fromkeys(("id", "backfill_id", "verification_id", "pull_id", "hour"), each),
        body=body,
    )
    answer: func.HttpResponse = FUNCTIONS[name](request)
    return answer


@pytest.mark.parametrize("key", ["evnets", "x", "account_uri", "projectid", "max_part_mib_per_file"])
def test_a_misspelt_field_is_named(key: str) -> None:
    """So that the caller finds it."""
    assert named(key) == key


@pytest.mark.parametrize("key", [*SECRETS, "", "Events", "a1", "a-b", "a.b", "_a", "a" * 31, "é", 7, None])
def test_a_key_that_does_not_look_like_a_field_is_not_named(key: object) -> None:
    """It may be a secret."""
    assert named(key) == "(unknown)"
