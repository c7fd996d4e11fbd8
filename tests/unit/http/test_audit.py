"""Every operation that changes something writes a line of the log."""

import ast
from pathlib import Path

import azure.functions as func

import function_app  # noqa: F401  registers the operations
from exporter.http.audit import key_id, principal
from exporter.http.routing import OPERATIONS

FOLDER = Path(__file__).resolve().parents[3] / "exporter" / "http"
# They store nothing that a caller chose.
CHANGE_NOTHING = {
    "test_upload",
    "test_upload_of_destination",
    "preview",
    "preview_destination",
    "test_source",
    "test_webhook",
}


def named_in_calls(name: str) -> set[str]:
    """Return the texts that are arguments of the calls that log a change."""
    found = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"log_change", "_log", "_move"}:
                found |= {str(each.value) for each in node.args if isinstance(each, ast.Constant)}
    assert name in found
    return found


def test_every_change_is_logged_under_the_name_of_its_operation() -> None:
    """Or it is listed here as one that changes nothing."""
    changing = {name for name, (declared, _) in OPERATIONS.items() if declared.method != "GET"}
    logged = named_in_calls("put_destination")

    assert changing - CHANGE_NOTHING == logged


def request(**headers: str) -> func.HttpRequest:
    """Return a request."""
    params = {"code": "in the query"}
    return func.HttpRequest(method="PUT", url="/", headers=headers, params=params, body=b"")


def test_a_key_is_known_by_its_digest() -> None:
    """The key in the header counts, as for the host."""
    assert key_id(request()) == "20a142da"
    assert key_id(request(**{"X-Functions-Key": "in the header"})) != "20a142da"


def test_a_principal_has_a_name_or_an_id() -> None:
    """The name of a service principal is not always sent; a long one is cut."""
    assert principal(request()) is None
    by_id = {"X-MS-CLIENT-PRINCIPAL-ID": "1234"}
    assert principal(request(**by_id)) == "1234"
    assert principal(request(**by_id, **{"X-MS-CLIENT-PRINCIPAL-NAME": "ada"})) == "ada"
    assert principal(request(**{"X-MS-CLIENT-PRINCIPAL-NAME": "a" * 5000})) == "a" * 200
