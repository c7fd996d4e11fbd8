"""HTTP functions, keys, and the host's own endpoints."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.local_host.host_process import HostProcess, StartHost, eventually, starting_hosts

MASTER, FUNCTION = "master-key-of-this-test", "function-key-of-this-test"
KEYS = {"FUNCTIONS_LOCAL_MASTER_KEY": MASTER, "FUNCTIONS_LOCAL_FUNCTION_KEY": FUNCTION}


@pytest.fixture(scope="module")
def host(storage: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    """Start a host that checks no keys, for all tests here."""
    with starting_hosts(storage, "test-http", tmp_path_factory.mktemp("http")) as start:
        yield start()


def test_a_function_sees_the_request_as_in_azure(host: HostProcess) -> None:
    """Names in lower case, repeated values joined, empty ones dropped, absent route parameters absent."""
    connection = host.connect()
    connection.putrequest("POST", "/api/echo/a%20b?x=1&x=2&empty=&y=%C3%A9")
    for name, value in (("X-Twice", "one"), ("X-TWICE", "two"), ("Content-Length", "4")):
        connection.putheader(name, value)
    connection.endheaders(b"body")
    response = connection.getresponse()
    seen = json.loads(response.read())
    connection.close()

    assert seen["method"] == "POST"
    assert seen["url"] == f"{host.url}/api/echo/a%20b?x=1&x=2&empty=&y=%C3%A9"
    assert seen["headers"]["x-twice"] == "one,two"
    assert seen["params"] == {"x": "1,2", "y": "é"}
    assert seen["route"] == {"word": "a b"}
    assert seen["body"] == "body"
    assert response.getheader("X-Echo") == "yes"
    assert response.getheader("Content-Type") == "application/json"
    assert response.getheader("Set-Cookie") == "a=1; Path=/; HttpOnly"


def test_what_no_function_answers_is_not_found(host: HostProcess) -> None:
    """So is a wrong method, and HEAD where only GET is named: never 405."""
    assert host.ask("GET", "/api/nothing").status == 404
    assert host.ask("POST", "/api/open").status == 404
    assert host.ask("HEAD", "/api/open").status == 404
    assert host.ask("GET", "/api/admin/own").status == 404


def test_head_is_answered_without_a_body(host: HostProcess) -> None:
    """But with the length that the body would have."""
    answer = host.ask("HEAD", "/api/boss")

    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "15")


def test_a_failing_function_is_an_empty_500(host: HostProcess) -> None:
    """The log has the reason, with a trace that begins with the function."""
    answer = host.ask("GET", "/api/broken")

    assert (answer.status, answer.body) == (500, b"")
    eventually(lambda: "broken: failed after" in host.output)
    assert "RuntimeError: out of order" in host.output
    assert "azure_functions_runtime" not in host.output


def test_routes_are_tried_in_the_order_of_the_function_names(host: HostProcess) -> None:
    """Not by how specific they are."""
    assert host.ask("GET", "/api/order/exact").body == b"any exact"


def test_a_chunked_body_arrives_empty_and_the_connection_lives_on(host: HostProcess) -> None:
    """As in Azure. The body is not read as the next request."""
    connection = host.connect()
    connection.request("POST", "/api/echo/chunks", iter([b"some", b"thing"]), encode_chunked=True)
    first = json.loads(connection.getresponse().read())
    connection.request("POST", "/api/echo/whole", b"something")
    second = json.loads(connection.getresponse().read())
    connection.close()

    assert (first["body"], second["body"]) == ("", "something")


def test_an_answer_that_cannot_be_read_fails_its_invocation_only(host: HostProcess) -> None:
    """The worker process lives on, with every other invocation in it."""
    workers = [worker.pid for worker in host.workers()]

    answer = host.ask("GET", "/api/malformed")

    assert (answer.status, answer.body) == (500, b"")
    assert "malformed: failed" in host.output
    assert [worker.pid for worker in host.workers()] == workers


def test_a_client_that_closes_the_connection_is_no_error(host: HostProcess) -> None:
    """The function runs to its end, and no traceback is logged."""
    said_before = len(host.output)
    with socket.create_connection(("127.0.0.1", urlsplit(host.url).port or 0)) as client:
        client.sendall(b"GET /api/slow?seconds=0.3 HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(lambda: host.notes("slow", event="begin"))

    eventually(lambda: host.notes("slow", event="end"))
    assert host.ask("GET", "/api/open").status == 200
    assert "Traceback" not in host.output[said_before:]


def test_without_auth_no_caller_needs_a_key(host: HostProcess) -> None:
    """As with func start."""
    assert host.ask("GET", "/api/boss").status == 200
    assert host.ask("GET", "/admin/host/status").status == 200
    assert "key:" not in host.output


def test_the_start_lists_the_functions_and_what_is_wrong_with_some(host: HostProcess) -> None:
    """With the address of each. One that cannot run stops no other."""
    lines = {line.split()[0]: line for line in host.output.splitlines() if line.startswith("  ")}

    assert f"GET {host.url}/api/open" in lines["open_door"]
    assert "queue test-" in lines["work"]
    assert "timer 0 0 0 1 1 *, next at 00:00:00 UTC" in lines["tick"]
    assert "IN ERROR" in lines["never"]
    assert "'%NO_SUCH_SETTING%' does not resolve" in lines["unresolved"]
    errors = json.loads(host.ask("GET", "/admin/host/status").body)["errors"]
    assert set(errors) == {"forbidden_route", "never", "unresolved"}


def test_with_auth_each_level_asks_for_its_key(start_host: StartHost) -> None:
    """In the header or as code=; the header wins. Refusals have no body. No key is ever logged."""
    host = start_host("--auth", settings=KEYS)
    asked = {
        (path, key): host.ask("GET", path, headers={"x-functions-key": key} if key else {}).status
        for path in ("/api/open", "/api/echo/a", "/api/boss", "/admin/host/status")
        for key in ("", "wrong-é".encode().decode("latin-1"), FUNCTION, MASTER)
    }
    by_query = host.ask("GET", f"/api/echo/a?code={FUNCTION}")
    header_wins = host.ask("GET", f"/api/echo/a?code={FUNCTION}", headers={"x-functions-key": "wrong"})

    assert [status for (path, _), status in asked.items() if path == "/api/open"] == [200] * 4
    assert [status for (path, _), status in asked.items() if path == "/api/echo/a"] == [401, 401, 200, 200]
    assert [status for (path, _), status in asked.items() if path == "/api/boss"] == [401, 401, 401, 200]
    # On the host's own paths, a valid key that is not enough gives 403, and no valid key 401.
    admin = [status for (path, _), status in asked.items() if path.startswith("/admin")]
    assert admin == [401, 401, 403, 200]
    assert by_query.status == 200
    assert (header_wins.status, header_wins.body) == (401, b"")
    assert host.output.count(MASTER) == host.output.count(FUNCTION) == 1


def test_missing_keys_are_generated(start_host: StartHost) -> None:
    """And printed once."""
    host = start_host("--auth")
    key = next(line for line in host.output.splitlines() if line.startswith("Function key: ")).split()[-1]

    assert len(key) >= 40
    assert host.ask("GET", "/api/echo/a", headers={"x-functions-key": key}).status == 200


def test_a_disabled_function_is_not_found(start_host: StartHost) -> None:
    """An app setting switches it off."""
    host = start_host(settings={"AzureWebJobs.open_door.Disabled": "true"})

    assert host.ask("GET", "/api/open").status == 404
    assert not any(line.startswith("  open_door") for line in host.output.splitlines())


def test_by_hand_only_timers_and_queue_functions_run(host: HostProcess) -> None:
    """If they are known, by POST, with a body that is JSON or empty."""
    assert host.ask("POST", "/admin/functions/nothing").status == 404
    assert host.ask("POST", "/admin/functions/never").status == 404
    assert host.ask("GET", "/admin/functions/tick").status == 404
    assert host.ask("POST", "/admin/functions/open_door", b"{}").status == 400
    assert host.ask("POST", "/admin/functions/tick", b"{").status == 400
    assert host.ask("POST", "/admin/functions/tick", b'{"input": ""}').status == 202
    eventually(lambda: host.notes("tick"))


def test_what_an_app_and_its_libraries_log_is_printed_and_noted(
    start_host: StartHost, tmp_path: Path
) -> None:
    """All records, as in Azure, unless host.json drops them."""
    records = tmp_path / "records.ndjson"
    drop = {"AzureFunctionsJobHost__logging__logLevel__Function.open_door.User": "Warning"}

    host = start_host(settings={"FUNCTIONS_LOCAL_RECORDS": str(records)})
    assert host.ask("GET", "/api/open").status == 200
    eventually(lambda: "azure.core: a record of a library" in host.output)
    silent = start_host(settings=drop)
    assert silent.ask("GET", "/api/open").status == 200
    eventually(lambda: "GET /api/open: 200" in silent.output)
    assert "a record of a library" not in silent.output

    noted = [json.loads(line) for line in records.read_text().splitlines()]
    assert {
        "category": "Function.open_door.User",
        "logger": "azure.core",
        "level": "INFO",
        "message": "a record of a library",
        "kept": True,
    } in noted
