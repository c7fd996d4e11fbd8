"""Microsoft's Functions worker indexes the app."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from exporter.messages import WORK_QUEUES
from infra.local.host.log_levels import LogLevels, of_invocations, of_user
from infra.local.host.worker_process import WorkerCommand, WorkerProcess
from tests.support.api_routes import ROUTES

PROJECT = Path(__file__).resolve().parents[2]
# The function for unknown routes; the last by name, because the host tries routes in this order.
UNKNOWN = "zz_unknown"
CONSOLE = "console"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
# The queue of each function.
QUEUES = {
    "export_hour": "export-hours",
    "export_backfill_hour": "backfill-hours",
    "backfill_step": "backfill-steps",
    "verify_step": "verify-steps",
    "webhook_call": "webhook-calls",
    "pull_hour": "pull-hours",
    "export_hour_poison": "export-hours-poison",
    "backfill_hour_poison": "backfill-hours-poison",
    "backfill_step_poison": "backfill-steps-poison",
    "verify_step_poison": "verify-steps-poison",
    "webhook_call_poison": "webhook-calls-poison",
    "pull_hour_poison": "pull-hours-poison",
}
QUEUE = {
    "type": "queueTrigger",
    "direction": "IN",
    "connection": "AzureWebJobsStorage",
    "name": "message",
    # If a text is JSON, the host takes its keys for metadata of the message.
    "dataType": "BINARY",
}
TIMER = {"type": "timerTrigger", "runOnStartup": False, "useMonitor": True}
EVERY_FIVE_MINUTES = "0 */5 * * * *"
PULL_SCHEDULE = "30 */5 * * * *"

NOTHING: dict[str, str] = {}
EVERYTHING_WRONG = {
    "AzureWebJobsStorage": "nonsense",
    "LANDING_CONTAINER": "No Container",
    "EXPORT_SCHEDULE": "now and then",
    "PULL_SCHEDULE": "now and then",
    "SETTLE_MINUTES": "soon",
    "DESTINATION_HOSTS": "https://acme/",
    "ENTRA_AUTHORITY": "nobody",
    "SECRETS_KEY": "short",
}
IDENTITY_BASED = {"AzureWebJobsStorage__accountName": "acme", "EXPORT_SCHEDULE": EVERY_FIVE_MINUTES}


def indexed(settings: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Return the functions of the app with their bindings, indexed by a worker process."""
    environ = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", **settings}
    worker = WorkerProcess(WorkerCommand(PROJECT, environ, LogLevels()))
    try:
        functions = worker.wait_until_started()
    finally:
        worker.close()
    assert not any(function.has_retry_policy for function in functions)
    return {function.name: [dict(binding) for binding in function.bindings] for function in functions}


def expected(schedule: str, pull_schedule: str = PULL_SCHEDULE) -> dict[str, list[dict[str, Any]]]:
    """Return the expected functions with their bindings."""
    http: dict[str, list[dict[str, Any]]] = {
        name: [
            {
                "type": "httpTrigger",
                "direction": "IN",
                "name": "req",
                "methods": methods,
                "route": route,
                "authLevel": level,
            },
            {"type": "http", "direction": "OUT", "name": "$return"},
        ]
        for name, (methods, route, level) in (
            {name: ([method], f"api/{route}", level) for name, (method, route, level) in ROUTES.items()}
            | {
                UNKNOWN: (METHODS, "api/{*path}", "FUNCTION"),
                CONSOLE: (["GET", "HEAD"], "console/{*path}", "ANONYMOUS"),
            }
        ).items()
    }
    return http | {
        "tick": [TIMER | {"direction": "IN", "name": "timer", "schedule": schedule}],
        "pull_tick": [TIMER | {"direction": "IN", "name": "timer", "schedule": pull_schedule}],
        **{name: [QUEUE | {"queueName": queue}] for name, queue in QUEUES.items()},
    }


@pytest.mark.parametrize("settings", [NOTHING, EVERYTHING_WRONG, IDENTITY_BASED])
def test_the_worker_finds_exactly_these_functions_whatever_the_settings_are(settings: dict[str, str]) -> None:
    """Triggers, bindings, routes, methods and levels, also with missing or wrong settings."""
    assert indexed(settings) == expected(EVERY_FIVE_MINUTES)


def test_the_function_for_unknown_routes_is_the_last() -> None:
    """The host tries functions in order of their names, and this route matches everything."""
    assert max(expected(EVERY_FIVE_MINUTES), key=str.lower) == UNKNOWN


def test_the_timers_have_the_schedules_of_the_settings() -> None:
    """``EXPORT_SCHEDULE`` and ``PULL_SCHEDULE`` are in the bindings."""
    settings = {"EXPORT_SCHEDULE": "30 */2 * * * *", "PULL_SCHEDULE": "0 0 * * * *"}

    assert indexed(settings) == expected("30 */2 * * * *", "0 0 * * * *")


def test_a_tick_creates_every_queue_with_a_function() -> None:
    """With its poison queue; otherwise the host logs an error at each poll."""
    made = {name for queue in WORK_QUEUES for name in (queue.name, queue.poison)}

    assert made == set(QUEUES.values())


def test_log_lines_of_the_host_are_off_and_ours_are_on() -> None:
    """For every function with a timer or queue trigger; also the warnings of the host's SDK."""
    document = json.loads((PROJECT / "host.json").read_text())["logging"]["logLevel"]
    levels = LogLevels.parse(document)
    silent = {
        name
        for name, bindings in indexed(NOTHING).items()
        if bindings[0]["type"] in {"queueTrigger", "timerTrigger"}
    }

    assert silent == {*QUEUES, "tick", "pull_tick"}
    for name in silent:
        assert levels.level(of_invocations(name)) == logging.WARNING, name
        assert levels.level(of_user(name)) == logging.INFO, name
    assert levels.level(of_invocations("list_hours")) == logging.INFO
    assert levels.level("Azure.Core") == logging.ERROR
    named = {name.removesuffix(".User") for name in document if name.startswith("Function.")}
    assert named == {of_invocations(name) for name in silent}


def test_the_host_does_not_decode_messages() -> None:
    """With base64, no function gets a message that the host cannot decode, not even a poison function."""
    queues = json.loads((PROJECT / "host.json").read_text())["extensions"]["queues"]

    assert queues["messageEncoding"] == "none"
