"""Calls of the app's API that several tests make, with checks of the answers."""

from infra.local.api import Answer
from infra.local.sample import Sample
from tests.support.installation import App, Installation, Json, ok

PROBLEM = {"type", "title", "status", "detail", "code"}
ENDED = {"succeeded", "failed", "cancelled"}


def draft(installation: Installation, destination_id: str, **changes: object) -> Json:
    """Return a destination whose container does not exist."""
    return {
        "name": "Acme raw events",
        "events": {"project_id": Sample().project_id},
        "storage": {"container": destination_id},
        "credentials": {
            "type": "connection_string",
            "connection_string": installation.connection_string,
        },
        **changes,
    }


def the_problem(answer: Answer, status: int, code: str) -> Json:
    """Return a problem document; fail unless it is valid and has this status and code."""
    assert (answer.status, answer.body.get("code")) == (status, code), answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body.keys() >= PROBLEM
    assert answer.body["status"] == status
    return dict(answer.body)


def fields(answer: Answer, status: int = 422, code: str = "invalid_request") -> set[str]:
    """Return the wrong fields of a problem; fail unless each has one message."""
    errors = the_problem(answer, status, code)["errors"]
    assert all(error["message"] for error in errors)
    assert len({error["field"] for error in errors}) == len(errors)
    return {error["field"] for error in errors}


def asked_for(app: App, destination_id: str, body: Json) -> str:
    """Create a backfill and return its path."""
    answer = app.api.post(f"/destinations/{destination_id}/backfills", body)
    assert answer.status == 202, answer
    where = answer.headers["location"].removeprefix(f"{app.api.url}/api")
    assert where == f"/destinations/{destination_id}/backfills/{answer.body['id']}"
    return where


def ended(app: App, where: str) -> Json:
    """Wait until a backfill has ended and return it."""

    def found() -> Json:
        backfill: Json = ok(app.api.get(where))
        return backfill if backfill["status"] in ENDED else {}

    return app.until(found, f"the end of {where}")
