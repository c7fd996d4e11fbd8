"""First of all: Microsoft's own worker takes the app as it is."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from exporter.messages import WORK_QUEUES
from infra.local.host.log_levels import LogLevels, of_invocations, of_user
from infra.local.host.worker_process import WorkerCommand, WorkerProcess

PROJECT = Path(__file__).resolve().parents[2]
HTTP = {
    # name: (method, route, who may call)
    "health": ("GET", "health", "ANONYMOUS"),
    "openapi": ("GET", "openapi.json", "ANONYMOUS"),
    "schemas": ("GET", "schemas", "FUNCTION"),
    "test_upload": ("POST", "test-upload", "FUNCTION"),
    "list_destinations": ("GET", "destinations", "FUNCTION"),
    "get_destination": ("GET", "destinations/{id}", "FUNCTION"),
    "put_destination": ("PUT", "destinations/{id}", "FUNCTION"),
    "delete_destination": ("DELETE", "destinations/{id}", "FUNCTION"),
    "test_upload_of_destination": ("POST", "destinations/{id}/test-upload", "FUNCTION"),
    "pause_destination": ("POST", "destinations/{id}/pause", "FUNCTION"),
    "resume_destination": ("POST", "destinations/{id}/resume", "FUNCTION"),
    "activate_destination": ("POST", "destinations/{id}/activate", "FUNCTION"),
    "preview_destination": ("POST", "destinations/{id}/preview", "FUNCTION"),
    "ask_for_backfill": ("POST", "destinations/{id}/backfills", "FUNCTION"),
    "list_backfills": ("GET", "destinations/{id}/backfills", "FUNCTION"),
    "get_backfill": ("GET", "destinations/{id}/backfills/{backfill_id}", "FUNCTION"),
    "cancel_backfill": ("POST", "destinations/{id}/backfills/{backfill_id}/cancel", "FUNCTION"),
    "retry_backfill": ("POST", "destinations/{id}/backfills/{backfill_id}/retry", "FUNCTION"),
    "verify_destination": ("POST", "destinations/{id}/verify", "FUNCTION"),
    "get_verification": ("GET", "destinations/{id}/verifications/{verification_id}", "FUNCTION"),
    "list_hours": ("GET", "destinations/{id}/hours", "FUNCTION"),
    "landing": ("GET", "landing", "FUNCTION"),
}
# What no route of the API answers, with any method: the last by name, as the host tries routes in this order.
UNKNOWN = "zz_unknown"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
# Which function drains which queue.
QUEUES = {
    "export_hour": "export-hours",
    "export_backfill_hour": "backfill-hours",
    "backfill_step": "backfill-steps",
    "verify_step": "verify-steps",
    "webhook_call": "webhook-calls",
    "export_hour_poison": "export-hours-poison",
    "backfill_hour_poison": "backfill-hours-poison",
    "backfill_step_poison": "backfill-steps-poison",
    "verify_step_poison": "verify-steps-poison",
    "webhook_call_poison": "webhook-calls-poison",
}
QUEUE = {
    "type": "queueTrigger",
    "direction": "IN",
    "connection": "AzureWebJobsStorage",
    "name": "message",
    # In a text that is JSON, keys of a foreign message would stand in for what the host says of it.
    "dataType": "BINARY",
}
TIMER = {"type": "timerTrigger", "runOnStartup": False, "useMonitor": True}
EVERY_FIVE_MINUTES = "0 */5 * * * *"

NOTHING: dict[str, str] = {}
EVERYTHING_WRONG = {
    "AzureWebJobsStorage": "nonsense",
    "LANDING_CONTAINER": "No Container",
    "EXPORT_SCHEDULE": "now and then",
    "SETTLE_MINUTES": "soon",
    "DESTINATION_HOSTS": "https://acme/",
    "ENTRA_AUTHORITY": "nobody",
    "SECRETS_KEY": "short",
}
IDENTITY_BASED = {"AzureWebJobsStorage__accountName": "acme", "EXPORT_SCHEDULE": EVERY_FIVE_MINUTES}


def indexed(settings: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Return the app's functions with their bindings, as the worker indexes them in a process of its own."""
    environ = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", **settings}
    worker = WorkerProcess(WorkerCommand(PROJECT, environ, LogLevels()))
    try:
        functions = worker.wait_until_started()
    finally:
        worker.close()
    assert not any(function.has_retry_policy for function in functions)
    return {function.name: [dict(binding) for binding in function.bindings] for function in functions}


def expected(schedule: str) -> dict[str, list[dict[str, Any]]]:
    """Return what the app consists of; names of parameters are whatever they are."""
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
            {name: ([method], route, level) for name, (method, route, level) in HTTP.items()}
            | {UNKNOWN: (METHODS, "{*path}", "FUNCTION")}
        ).items()
    }
    return http | {
        "tick": [TIMER | {"direction": "IN", "name": "timer", "schedule": schedule}],
        **{name: [QUEUE | {"queueName": queue}] for name, queue in QUEUES.items()},
    }


@pytest.mark.parametrize("settings", [NOTHING, EVERYTHING_WRONG, IDENTITY_BASED])
def test_the_worker_finds_exactly_these_functions_whatever_the_settings_are(settings: dict[str, str]) -> None:
    """Triggers, bindings, routes, methods and levels; with settings missing or wrong, all the same."""
    assert indexed(settings) == expected(EVERY_FIVE_MINUTES)


def test_what_answers_the_unknown_is_the_last_of_all() -> None:
    """The host takes the first function whose route fits, by the order of names: this one fits everything."""
    assert max(expected(EVERY_FIVE_MINUTES), key=str.lower) == UNKNOWN


def test_the_timer_ticks_on_the_schedule_that_is_set() -> None:
    """``EXPORT_SCHEDULE`` is in the binding, where the host looks for it."""
    assert indexed({"EXPORT_SCHEDULE": "30 */2 * * * *"}) == expected("30 */2 * * * *")


def test_every_queue_that_is_listened_to_is_made_at_a_tick() -> None:
    """With its poison queue: the host would poll it in vain otherwise."""
    made = {name for queue in WORK_QUEUES for name in (queue.name, queue.poison)}

    assert made == set(QUEUES.values())


def test_the_hosts_own_lines_are_off_for_what_runs_by_itself_and_ours_are_kept() -> None:
    """Function by function, as the worker finds them; and what the host's SDK warns of."""
    document = json.loads((PROJECT / "host.json").read_text())["logging"]["logLevel"]
    levels = LogLevels.parse(document)
    silent = {
        name
        for name, bindings in indexed(NOTHING).items()
        if bindings[0]["type"] in {"queueTrigger", "timerTrigger"}
    }

    assert silent == {*QUEUES, "tick"}
    for name in silent:
        assert levels.level(of_invocations(name)) == logging.WARNING, name
        assert levels.level(of_user(name)) == logging.INFO, name
    assert levels.level(of_invocations("list_hours")) == logging.INFO
    assert levels.level("Azure.Core") == logging.ERROR
    named = {name.removesuffix(".User") for name in document if name.startswith("Function.")}
    assert named == {of_invocations(name) for name in silent}


def test_messages_are_taken_as_they_are() -> None:
    """With base64, the host keeps what it cannot decode from every function, even from those of poison."""
    queues = json.loads((PROJECT / "host.json").read_text())["extensions"]["queues"]

    assert queues["messageEncoding"] == "none"
