"""Problem documents, and the parsing of request bodies."""

import gzip
import json
import logging
from decimal import Decimal
from http import HTTPStatus

import azure.functions as func
import pytest

from exporter.domain.connection_test import ConnectionReport, ConnectionStep
from exporter.domain.errors import (
    Conflict,
    DestinationFault,
    ExportError,
    Fault,
    Invalid,
    Malformed,
    NotConfigured,
    NotFound,
    NotPossible,
    Outdated,
    Problem,
    Rejected,
    SourceFault,
    TooLarge,
    Transient,
    WrongMediaType,
)
from exporter.http.problem_docs import SOURCES_PAGE, problem_type
from exporter.http.responses import (
    BODY_BYTES_MAX,
    GZIP_BYTES_MIN,
    accepted,
    answer,
    compressed,
    json_body,
    no_content,
    problem_answers,
    source_test_failed,
    unless_known,
    upload_failed,
)
from exporter.http.routing import OPERATIONS, Operation, Parameter, operation

WRONG = Problem("name", "is missing")
ERRORS: list[tuple[Exception, int, str]] = [
    (Malformed("invalid_json", "It is no JSON."), 400, "invalid_json"),
    (NotFound("destination_not_found", "There is none."), 404, "destination_not_found"),
    (NotPossible("destination_not_active", "It is a draft."), 409, "destination_not_active"),
    (Conflict("somebody else was faster"), 409, "conflict"),
    (Outdated("destination_changed", "It was changed."), 412, "destination_changed"),
    (TooLarge("body_too_large", "It is too large."), 413, "body_too_large"),
    (WrongMediaType("not_json", "Send JSON."), 415, "not_json"),
    (Invalid(WRONG), 422, "invalid_request"),
    (DestinationFault(Fault("secret_expired", "It expired.", "Make another.")), 422, "secret_expired"),
    (SourceFault(Fault("host_not_allowed", "It is not allowed.", "Ask.")), 422, "host_not_allowed"),
    (Transient("storage is busy: hunter2"), 503, "try_again"),
    (NotConfigured((WRONG,)), 503, "not_configured"),
    (ValueError("hunter2"), 500, "internal_error"),
]


def request(body: bytes = b"", params: dict[str, str] | None = None, **headers: str) -> func.HttpRequest:
    """Return a request of the Functions worker."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return func.HttpRequest("GET", "http://127.0.0.1/api/x", headers=named, params=params or {}, body=body)


def failing(error: Exception) -> func.HttpResponse:
    """Return the answer of a handler that raises."""

    def handler(_: func.HttpRequest) -> func.HttpResponse:
        raise error

    return problem_answers(handler)(request())


@pytest.mark.parametrize(("error", "status", "code"), ERRORS, ids=lambda part: str(part)[:20])
def test_every_error_is_a_problem_document(error: Exception, status: int, code: str) -> None:
    """With a code and a detail, and without internal texts."""
    found = failing(error)
    body = json.loads(found.get_body())

    assert (found.status_code, found.mimetype) == (status, "application/problem+json")
    assert (body["type"], body["title"], body["status"], body["code"]) == (
        problem_type(code, SOURCES_PAGE if isinstance(error, SourceFault) else None),
        HTTPStatus(status).phrase,
        status,
        code,
    )
    assert body["detail"]
    assert "hunter2" not in str(body)
    assert (found.headers.get("Retry-After") is not None) == (code == "try_again")
    assert body.get("errors", []) == (
        [{"field": "name", "message": "is missing"}] if "name" in str(body) else []
    )


def test_a_fault_of_a_source_links_to_the_guide_of_sources() -> None:
    """Also one whose code is a fault of a customer's storage, too; so does a failed test of a source."""
    fault = Fault("secret_unreadable", "It cannot be decrypted.", "Save it again.")
    report = ConnectionReport((ConnectionStep("sign_in", fault),))
    answers = [
        failing(SourceFault(fault)),
        source_test_failed(report),
        failing(DestinationFault(fault)),
        upload_failed(report),
    ]

    found = [json.loads(each.get_body())["type"].rpartition("/")[2] for each in answers]
    assert found == ["sources.md#secret_unreadable"] * 2 + ["destinations.md#secret_unreadable"] * 2


def test_no_error_is_without_a_status() -> None:
    """A new error class needs a status."""
    tested = {type(error) for error, _, _ in ERRORS}
    known = {Rejected, *Rejected.__subclasses__(), *ExportError.__subclasses__()}

    assert known - {Rejected} == tested - {ValueError}


def test_an_unexpected_error_is_found_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Under the id in the answer."""
    with caplog.at_level(logging.ERROR):
        error_id = json.loads(failing(ValueError("why")).get_body())["error_id"]

    assert f"unexpected error {error_id}" in caplog.text
    assert "ValueError: why" in caplog.text


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        (b"{}", "", WrongMediaType),
        (b"{}", "text/plain", WrongMediaType),
        (b"{}", "application/json; charset=latin-1", WrongMediaType),
        (b"", "application/json", Malformed),
        (b"{", "application/json", Malformed),
        (b'"\xff"', "application/json", Malformed),
        (b"NaN", "application/json", Malformed),
        (b"9" * 5000, "application/json", Malformed),
        (b"[" * 2000 + b"]" * 2000, "application/json", Malformed),
        (b" " * BODY_BYTES_MAX + b"{}", "application/json", TooLarge),
    ],
)
def test_an_unreadable_body_is_refused_with_a_code(
    body: bytes, content_type: str, error: type[Rejected]
) -> None:
    """Before any field is read."""
    with pytest.raises(error) as refused:
        json_body(request(body, content_type=content_type))
    assert refused.value.code


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=UTF-8", "application/json;"]
)
def test_a_body_declared_as_json_is_read(content_type: str) -> None:
    """Up to the maximum size."""
    body = b" " * (BODY_BYTES_MAX - 2) + b"{}"

    assert json_body(request(body, content_type=content_type)) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1", 0.1),
        ("1e2", 100.0),
        ("9007199254740993.0", Decimal("9007199254740993.0")),
        ("0.10000000000000000001", Decimal("0.10000000000000000001")),
        ("18446744073709551616", 18446744073709551616),
    ],
)
def test_a_number_that_a_float_cannot_hold_is_kept_as_written(text: str, expected: object) -> None:
    """It can be refused then, and is not rounded."""
    body = f'{{"value": {text}}}'.encode()

    found = json_body(request(body, content_type="application/json"))

    assert found == {"value": expected}
    assert isinstance(found, dict)
    assert type(found["value"]) is type(expected)


def test_unknown_parameters_are_reported_together_with_wrong_ones() -> None:
    """Parameters of the Functions host are known."""
    declared = Operation(
        name="of_this_test",
        method="GET",
        route="of-this-test",
        answers={HTTPStatus.OK: None},
        query=(Parameter("hour", "An hour."),),
    )

    def parse(req: func.HttpRequest) -> str:
        if req.params.get("hour") != "now":
            raise Invalid(Problem("hour", "must be now"))
        return "parsed"

    def handler(_: func.HttpRequest, parsed: str) -> func.HttpResponse:
        return answer({"got": parsed})

    try:
        bound = problem_answers(operation(func.Blueprint(), declared, parse)(handler))
    finally:
        del OPERATIONS[declared.name]

    def wrong(**params: str) -> list[str]:
        errors = json.loads(bound(request(params=params)).get_body()).get("errors", [])
        return [error["field"] for error in errors]

    assert wrong(hour="now", code="key", clientId="default") == []
    assert wrong(hour="now", hours="now") == ["hours"]
    assert wrong(hour="later", hours="now", x="") == ["hours", "x", "hour"]


@pytest.mark.parametrize("sent", [answer({}), no_content(), failing(ValueError("x"))])
def test_no_answer_is_stored_or_taken_for_another_type(sent: func.HttpResponse) -> None:
    """Whatever its status is."""
    assert sent.headers["Cache-Control"] == "no-store"
    assert sent.headers["X-Content-Type-Options"] == "nosniff"


def test_an_answer_that_the_caller_has_is_not_sent_again() -> None:
    """304 without a body, with the same ETag; another answer has another ETag."""
    first = unless_known(request(), answer({"a": 1}))
    tag = first.headers["ETag"]

    for known in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
        again = unless_known(request(if_none_match=known), answer({"a": 1}))
        assert (again.status_code, again.get_body(), again.headers["ETag"]) == (304, b"", tag)
    changed = unless_known(request(if_none_match=tag), answer({"a": 2}))
    assert (changed.status_code, json.loads(changed.get_body())) == (200, {"a": 2})
    assert changed.headers["ETag"] != tag


@pytest.mark.parametrize(
    "sent", [answer({}, HTTPStatus.ACCEPTED), failing(ValueError("x")), answer({}, headers={"ETag": '"v"'})]
)
def test_only_a_whole_answer_without_a_version_has_an_etag_of_its_own(sent: func.HttpResponse) -> None:
    """The ETag of a destination is that of what was put, and says nothing about its progress."""
    before = dict(sent.headers)

    same = unless_known(request(if_none_match="*"), sent)

    assert (same, dict(same.headers)) == (sent, before)


LARGE: dict[str, object] = {"text": "x" * GZIP_BYTES_MIN}


@pytest.mark.parametrize("accepted_", ["gzip", "br;q=1.0, GZIP;q=0.8", "*", "deflate, gzip ; q=0.5"])
def test_a_large_answer_is_compressed_if_the_caller_accepts_that(accepted_: str) -> None:
    """Status, type and headers stay; caches are told what the answer depends on."""
    plain = answer(LARGE, headers={"ETag": "v"})
    sent = compressed(request(accept_encoding=accepted_), answer(LARGE, headers={"ETag": "v"}))

    assert json.loads(gzip.decompress(sent.get_body())) == LARGE
    assert len(sent.get_body()) < GZIP_BYTES_MIN / 10
    assert (sent.status_code, sent.mimetype) == (plain.status_code, plain.mimetype)
    expected = {**plain.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    assert dict(sent.headers) == expected


@pytest.mark.parametrize("accepted_", ["", "identity", "br", "gzip;q=0", "gzip; q=0.00", "x-gzip"])
def test_a_caller_that_does_not_accept_gzip_gets_none(accepted_: str) -> None:
    """And a small answer is sent as it is to anyone."""
    sent = compressed(request(accept_encoding=accepted_), answer(LARGE))

    assert json.loads(sent.get_body()) == LARGE
    assert "Content-Encoding" not in sent.headers
    small = answer({"a": 1})
    assert compressed(request(accept_encoding="gzip"), small) is small


def test_an_accepted_job_names_its_absolute_url_and_when_to_ask_for_it() -> None:
    """As the caller reached the app."""
    sent = accepted(request(), {}, "/destinations/acme/backfills/1")

    assert sent.status_code == HTTPStatus.ACCEPTED
    assert sent.headers["Location"] == "http://127.0.0.1/api/destinations/acme/backfills/1"
    assert sent.headers["Retry-After"] == "2"
