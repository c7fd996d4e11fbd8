"""The OpenAPI document agrees with the API."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.checks import not_a_server_error as no_server_error
from schemathesis.specs.openapi import checks

from infra.local.sample import Sample
from tests.support.api_routes import ROUTES
from tests.support.installation import App, Installation, Json, ok

EXAMPLES_PER_OPERATION = 12
KEYS = {"FUNCTIONS_LOCAL_MASTER_KEY": "the-master-key", "FUNCTIONS_LOCAL_FUNCTION_KEY": "the-function-key"}
# Left out: acceptance of all valid data, because the document has no rules between fields; and keys, which
# other tests cover.
CHECKS: list[CheckFunction] = [
    no_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.missing_required_header,
]
OPERATIONS = sorted((route, method) for method, route, _ in ROUTES.values())


@pytest.fixture(scope="module")
def app(shared: Installation) -> Iterator[App]:
    """Return an app that checks keys, with an active destination, a draft and a deleted one, and two sources.

    Generated credentials are sent only to this machine.
    """
    with shared.app("--auth", ENTRA_AUTHORITY="https://127.0.0.1:1", **KEYS) as running:
        starts = shared.newest_hours(1)
        for name in ("active", "draft", "deleted"):
            body = shared.destination(name, Sample(events_per_hour=1), starts[0])
            assert running.api.put(f"/destinations/{name}", body).status == HTTPStatus.CREATED
        ok(running.api.post("/destinations/active/activate"))
        for number, name in enumerate(("active", "deleted"), start=1):
            body = {"type": "amplitude_export", "project_id": number, "region": "eu"}
            body |= {"base_url": "http://127.0.0.1:1", "api_key": "k", "secret_key": "s"}
            made = running.api.put(f"/sources/{name}", body)
            assert made.status == HTTPStatus.CREATED
        for path in ("destinations/deleted", "sources/deleted"):
            assert running.api.call("DELETE", f"/api/{path}").status == HTTPStatus.NO_CONTENT
        yield running


@pytest.fixture(scope="module")
def document(app: App) -> Json:
    """Return the document of the app."""
    return dict(ok(app.api.get("/openapi.json")))


@pytest.fixture(scope="module")
def described(app: App, document: Json) -> Any:  # noqa: ANN401  schemathesis names no type for it
    """Return the schema of schemathesis for the app."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(
        base_url=f"{app.api.url}/api", headers={"x-functions-key": KEYS["FUNCTIONS_LOCAL_FUNCTION_KEY"]}
    )
    return schema


def test_the_document_names_exactly_the_routes_that_are_registered(document: Json) -> None:
    """With methods, and whether they need a key."""
    named = {
        each["operationId"]: (
            method.upper(),
            path.strip("/"),
            "ANONYMOUS" if each.get("security") == [] else "FUNCTION",
        )
        for path, methods in document["paths"].items()
        for method, each in methods.items()
    }

    assert named == ROUTES


def test_the_document_is_valid_openapi_3_1(document: Json) -> None:
    """Valid by the JSON Schema of OpenAPI, with all references resolved."""
    schemathesis.openapi.from_dict(document).validate()

    assert document["openapi"] == "3.1.0"


def parts(found: object) -> Iterator[Json]:
    """Yield the objects of a document, at whatever depth."""
    if isinstance(found, dict):
        yield found
    for each in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        yield from parts(each)


def test_generated_clients_get_what_they_need(document: Json) -> None:
    """Each operation has a declared tag, a summary and a description; integers have 64 bits."""
    operations = [each for methods in document["paths"].values() for each in methods.values()]
    declared = {each["name"]: each["description"] for each in document["tags"]}

    assert {tag for each in operations for tag in each["tags"]} == declared.keys()
    assert all(len(each["tags"]) == 1 and each["summary"] and each["description"] for each in operations)
    found = list(parts([document["paths"], document["components"]["schemas"]]))
    assert {each.get("format") for each in found if each.get("type") == "integer"} == {"int64"}
    assert [each for each in found if "default" in each and each["default"] is None] == []


def test_a_large_answer_is_compressed(app: App) -> None:
    """The document itself is one."""
    plain = app.api.get("/openapi.json")
    small = app.api.call("GET", "/api/openapi.json", Accept_Encoding="gzip")

    assert small.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert int(small.headers["content-length"]) * 4 < int(plain.headers["content-length"])


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param(GenerationMode.POSITIVE, id="right"),
        pytest.param(GenerationMode.NEGATIVE, id="wrong", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(("route", "method"), OPERATIONS, ids=lambda part: str(part).replace("/", "."))
def test_every_answer_is_documented(
    described: Any,  # noqa: ANN401  as above
    route: str,
    method: str,
    mode: GenerationMode,
) -> None:
    """For valid and invalid requests: no 500, and no undocumented status, header, type or field."""
    operation = described[f"/{route}"][method]
    if mode is GenerationMode.NEGATIVE and not operation.body and not list(operation.iter_parameters()):
        return  # no part of the request can be invalid

    @settings(
        max_examples=EXAMPLES_PER_OPERATION,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(
        case=operation.as_strategy(generation_mode=mode),
        known=st.sampled_from([None, "active", "draft", "deleted"]),
    )
    def ask(case: schemathesis.Case[Any], known: str | None) -> None:
        # The host drops empty query values (docs/api.md): a request with one is as valid as without it.
        assume(mode is GenerationMode.POSITIVE or "" not in dict(case.query or {}).values())
        if known is not None and "id" in case.path_parameters and mode is GenerationMode.POSITIVE:
            case.path_parameters["id"] = known
        case.call_and_validate(checks=CHECKS)

    ask()
