"""Start, stop, crashes, and storage that cannot be reached."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from infra.local import azurite
from tests.local_host.host_process import APP, PROJECT, HostProcess, StartHost, clean_environ, eventually

HEALTHY_APP = """
import azure.functions as func

app = func.FunctionApp()


@app.route("x")
def x(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("x")
"""


def in_background(act: Callable[[], object]) -> list[Any]:
    """Do something in a thread; the list gets what it returned."""
    results: list[Any] = []
    threading.Thread(target=lambda: results.append(act()), daemon=True).start()
    return results


def write_app(folder: Path, program: str | None, host_json: str | None = '{"version": "2.0"}') -> Path:
    """Write an app and return its folder."""
    if program is not None:
        (folder / "function_app.py").write_text(program)
    if host_json is not None:
        (folder / "host.json").write_text(host_json)
    return folder


def failed_start(app: Path, *arguments: str, **settings: str) -> str:
    """Start a host that cannot start; return what it printed."""
    result = subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-m", "infra.local.host", str(app), *(arguments or ("--port", "0"))],
        cwd=PROJECT,
        env=clean_environ() | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1, result
    assert result.stdout == ""
    return result.stderr


def test_running_functions_end_before_the_host_does(start_host: StartHost, queue: QueueClient) -> None:
    """SIGTERM: a request is answered, a message deleted, and the exit code is 0."""
    host = start_host()
    queue.create_queue()
    queue.send_message("sleep 1")
    answers = in_background(lambda: host.ask("GET", "/api/slow?seconds=1"))
    eventually(lambda: host.notes("slow") and host.notes("work"))

    assert host.stop() == 0

    assert eventually(lambda: answers)[0].body == b"at last"
    assert host.notes("work", event="end")
    assert queue.get_queue_properties().approximate_message_count == 0
    assert not any(child.is_running() for child in host.children)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux delivers a signal to a chosen thread")
def test_a_signal_that_another_thread_receives_ends_the_host(start_host: StartHost) -> None:
    """The system chooses the thread; only the main one runs Python's handlers."""
    host = start_host()
    number = host.process.pid
    other = next(each.id for each in psutil.Process(number).threads() if each.id != number)

    assert ctypes.CDLL(None).tgkill(number, other, signal.SIGTERM) == 0

    assert host.process.wait(30) == 0


@pytest.mark.slow
def test_what_runs_longer_than_the_grace_is_killed_and_its_message_given_back(
    start_host: StartHost, queue: QueueClient
) -> None:
    """After ten seconds. The next host gets the message at once, not only when its lease ends."""
    host = start_host()
    queue.create_queue()
    queue.send_message("sleep 60")
    eventually(lambda: host.notes("work"))
    started = time.monotonic()

    assert host.stop() == 0

    assert 9 < time.monotonic() - started < 15
    assert not any(child.is_running() for child in host.children)
    eventually(queue.peek_messages)


def test_an_interrupt_of_the_whole_group_still_lets_functions_end(start_host: StartHost) -> None:
    """Ctrl-C in a terminal interrupts every process there. The workers must not end by it."""
    host = start_host()
    answers = in_background(lambda: host.ask("GET", "/api/slow?seconds=1"))
    eventually(lambda: host.notes("slow"))

    os.killpg(host.process.pid, signal.SIGINT)

    assert host.process.wait(20) == 0
    assert eventually(lambda: answers)[0].status == 200


def test_a_second_interrupt_ends_everything_at_once(start_host: StartHost) -> None:
    """The second Ctrl-C does not wait for running functions."""
    host = start_host()
    host.ask("POST", "/admin/functions/work", b'{"input": "sleep 3"}')
    eventually(lambda: host.notes("work"))
    started = time.monotonic()
    host.process.send_signal(signal.SIGINT)
    eventually(lambda: "Stopping" in host.output)

    assert host.stop(signal.SIGINT) == 130

    assert time.monotonic() - started < 2
    eventually(lambda: not any(child.is_running() for child in host.children))


def test_killing_the_host_leaves_no_orphans(start_host: StartHost) -> None:
    """Its workers end when the host has ended, even in the middle of a function."""
    host = start_host(settings={"FUNCTIONS_WORKER_PROCESS_COUNT": "2"})
    host.ask("POST", "/admin/functions/work", b'{"input": "sleep 30"}')
    eventually(lambda: host.notes("work"))
    assert len(host.children) == 2

    host.stop(signal.SIGKILL)

    assert psutil.wait_procs(host.children, timeout=5)[1] == []


def test_a_function_that_takes_too_long_takes_its_worker_process_with_it(start_host: StartHost) -> None:
    """And every other invocation in it. Then a new process takes over."""
    host = start_host(settings={"AzureFunctionsJobHost__functionTimeout": "00:00:02"})
    culprit = in_background(lambda: host.ask("GET", "/api/slow?seconds=30"))
    eventually(lambda: host.notes("slow"))
    time.sleep(1)
    neighbour = in_background(lambda: host.ask("GET", "/api/slow?seconds=1.9"))

    eventually(lambda: culprit and neighbour)

    assert (culprit[0].status, neighbour[0].status) == (500, 500)
    assert "exceeded functionTimeout (0:00:02)" in host.output
    assert host.ask("GET", "/api/open").status == 200
    assert [each.pid for each in host.workers()] != [each.pid for each in host.children]


def test_a_port_in_use_is_one_clear_line() -> None:
    """And exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert failed_start(APP, "--port", str(port)) == (
            f"error: port {port} is already in use: "
            "stop the program that listens there, or choose another port\n"
        )


def test_a_folder_without_host_json_is_one_clear_line(tmp_path: Path) -> None:
    """This is the usual sign of a wrong folder."""
    error = failed_start(write_app(tmp_path, HEALTHY_APP, host_json=None))

    assert error == f"error: {tmp_path}/host.json is missing: is this the folder of a function app?\n"


@pytest.mark.parametrize(
    ("program", "complaint"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("this is no Python", "SyntaxError"),
        (HEALTHY_APP.replace("-> func.HttpResponse", "-> 'func.HttpResponse | None'"), "return"),
        ("import os; os._exit(7)", "ended with exit code 7 while it loaded the app"),
        ("x = 1", "Could not find top level function app instances"),
        (None, "no functions found"),
    ],
)
def test_an_app_that_cannot_be_loaded_shows_the_workers_reason(
    tmp_path: Path, program: str | None, complaint: str
) -> None:
    """Azure would start without functions, and with an obscure log."""
    error = failed_start(write_app(tmp_path, program))

    assert complaint in error.partition("error: ")[2]


def test_without_a_storage_setting_http_works_and_timers_run(start_host: StartHost) -> None:
    """The app itself can then say what is wrong. Its queue functions cannot run."""
    host = start_host(settings={"AzureWebJobsStorage": "", "SCHEDULE": "* * * * * *"})

    assert host.ask("GET", "/api/open").status == 200
    assert eventually(lambda: host.notes("tick"))
    assert "work             IN ERROR: the app setting AzureWebJobsStorage is empty" in host.output


def test_an_empty_connection_string_hides_the_settings_of_an_identity(start_host: StartHost) -> None:
    """As in Azure: no queue function is indexed, and everything else works."""
    identity = {"AzureWebJobsStorage__queueServiceUri": "https://ours.queue.core.windows.net"}
    host = start_host(settings={"AzureWebJobsStorage": "", **identity})

    assert host.ask("GET", "/api/open").status == 200
    for name in ("work", "crunch"):
        assert (
            f"{name:{len('forbidden_route')}}  IN ERROR: the app setting AzureWebJobsStorage is empty"
            in host.output
        )
    assert "remove it to use AzureWebJobsStorage__accountName or" in host.output


@pytest.mark.slow
def test_a_host_whose_storage_stays_unreachable_ends(start_host: StartHost) -> None:
    """After six attempts to poll, in about half a minute, with exit code 0: Azure starts it again."""
    ports = azurite.free_ports(3)
    endpoints = azurite.Endpoints(*ports)
    with azurite.running(endpoints=endpoints):
        host = start_host(settings={"AzureWebJobsStorage": endpoints.connection_string})
        assert host.ask("POST", "/api/enqueue", b"hello").status == 202
        eventually(lambda: host.notes("work", event="end"))
    away = time.monotonic()

    assert host.process.wait(60) == 0

    assert 20 < time.monotonic() - away < 55
    assert "Host is shutting down" in host.output
    assert not any(child.is_running() for child in host.children)


def test_storage_that_comes_back_is_found_again(start_host: StartHost) -> None:
    """Until then HTTP and timers work, and each listener logs one warning."""
    ports = azurite.free_ports(3)
    endpoints = azurite.Endpoints(*ports)
    text = endpoints.connection_string
    host = start_host(settings={"AzureWebJobsStorage": text, "SCHEDULE": "*/2 * * * * *"})
    assert host.ask("GET", "/api/open").status == 200
    eventually(lambda: host.notes("tick"))
    eventually(lambda: "work, queue" in host.output)

    with (
        azurite.running(endpoints=endpoints),
        QueueClient.from_connection_string(
            text, "any", message_encode_policy=TextBase64EncodePolicy()
        ) as client,
    ):
        assert client.account_name
        assert host.ask("POST", "/api/enqueue", b"hello").status == 202
        eventually(lambda: host.notes("work", event="end"))
        eventually(lambda: host.output.count("storage can be reached again") == 3)
        assert host.output.count("storage cannot be reached") == 3
        assert host.stop() == 0


def test_the_status_answers_only_once_the_host_runs(start_host: StartHost) -> None:
    """A script that waits for it can go on at once."""
    host: HostProcess = start_host()

    assert b'"state": "Running"' in host.ask("GET", "/admin/host/status").body
    assert f"Host ready: {host.url} (12 functions)" in host.output
