"""Wrong settings, and function keys."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import azurite, stack
from infra.local.api import Api
from tests.support.installation import App, Installation, ok

WRONG = {
    "AzureWebJobsStorage": "nonsense",
    "LANDING_CONTAINER": "No Container",
    "EXPORT_SCHEDULE": "now and then",
    "SETTLE_MINUTES": "1441",
    "DESTINATION_HOSTS": "https://acme/",
    "ENTRA_AUTHORITY": "http://login.test",
    "SECRETS_KEY": "dG9vIHNob3J0",
}
REQUIRED = {"AzureWebJobsStorage", "SECRETS_KEY"}
KEYS = {"FUNCTIONS_LOCAL_MASTER_KEY": "the-master-key", "FUNCTIONS_LOCAL_FUNCTION_KEY": "the-function-key"}


@pytest.mark.parametrize(
    ("settings", "wrong"), [({}, REQUIRED), (WRONG, set(WRONG))], ids=["missing", "wrong"]
)
def test_a_host_with_wrong_settings_is_up_and_names_them_all(
    tmp_path: Path, settings: dict[str, str], wrong: set[str]
) -> None:
    """503 with every wrong setting, from the health check and all routes that need settings; no value."""
    port = azurite.free_ports(1)[0]
    with stack.running_app(settings, port=port, log=tmp_path / "app.log") as app:
        for path in ("/health", "/destinations/acme", "/health"):
            answer = app.api.get(path)

            assert (answer.status, answer.body["code"]) == (503, "not_configured")
            assert {error["field"] for error in answer.body["errors"]} == wrong
            assert all(error["message"] for error in answer.body["errors"])
            assert WRONG["SECRETS_KEY"] not in str(answer.body)


def test_a_tick_without_settings_says_in_the_log_what_is_wrong(tmp_path: Path) -> None:
    """The log names the settings."""
    port = azurite.free_ports(1)[0]
    with stack.running_app(
        {"EXPORT_SCHEDULE": "* * * * * *"}, port=port, log=tmp_path / "app.log"
    ) as running:
        app = App(running)

        app.until(lambda: "SECRETS_KEY: is missing" in app.log, "the log names the setting")

        assert app.api.get("/health").status == 503


@pytest.fixture(scope="module")
def locked(shared: Installation) -> Iterator[Api]:
    """Return a client without a key for an app that checks keys."""
    with shared.app("--auth", **KEYS) as app:
        yield Api(app.api.url)


ROUTES = [
    ("GET", "/api/destinations"),
    ("GET", "/api/landing"),
    ("GET", "/api/destinations/acme"),
    ("PUT", "/api/destinations/acme"),
    ("DELETE", "/api/destinations/acme"),
    ("POST", "/api/test-upload"),
    ("POST", "/api/destinations/acme/test-upload"),
    ("POST", "/api/destinations/acme/pause"),
    ("POST", "/api/destinations/acme/resume"),
    ("GET", "/api/schemas"),
    ("PATCH", "/api/destinations/acme"),
    ("GET", "/api/no/such/route"),
    ("POST", "/api/destinations/acme/activate"),
    ("GET", "/api/destinations/acme/hours"),
    ("POST", "/admin/functions/tick"),
    ("GET", "/admin/host/status"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("key", ["", "a-wrong-key", "the-function-ke"])
def test_without_a_key_no_destination_is_revealed(locked: Api, method: str, path: str, key: str) -> None:
    """401, whether the destination exists or not."""
    answer = locked.call(method, path, x_functions_key=key)

    assert (answer.status, answer.body) == (401, None)


def test_the_health_check_needs_no_key(locked: Api) -> None:
    """Monitoring has no key."""
    assert ok(locked.get("/health")) == {"status": "ok"}


def test_the_document_of_the_api_needs_no_key(locked: Api) -> None:
    """It describes how to send the key."""
    schemes = ok(locked.get("/openapi.json"))["components"]["securitySchemes"]

    assert {(scheme["in"], scheme["name"]) for scheme in schemes.values()} == {
        ("header", "x-functions-key"),
        ("query", "code"),
    }


@pytest.mark.parametrize("key", KEYS.values())
def test_with_a_key_the_api_answers(locked: Api, key: str) -> None:
    """In the header or the query."""
    path = "/api/destinations/acme"
    answers = [locked.call("GET", path, x_functions_key=key), locked.call("GET", f"{path}?code={key}")]

    assert [(answer.status, answer.body["code"]) for answer in answers] == [
        (404, "destination_not_found"),
        (404, "destination_not_found"),
    ]


def test_only_the_master_key_fires_functions_by_hand(locked: Api) -> None:
    """Like Azure."""
    fired = Api(locked.url, KEYS["FUNCTIONS_LOCAL_MASTER_KEY"]).fire("tick")
    refused = Api(locked.url, KEYS["FUNCTIONS_LOCAL_FUNCTION_KEY"]).fire("tick")

    assert (fired.status, refused.status) == (202, 403)
