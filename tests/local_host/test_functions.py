"""Functions as the host reads them from the worker's index."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.local.host.functions import Functions, HttpTrigger, TimerTrigger, read_functions
from infra.local.host.keys import Level
from infra.local.host.messages import FunctionMetadata

HTTP = {"type": "httpTrigger", "name": "req", "route": "x", "authLevel": "FUNCTION", "methods": ["GET"]}
HTTP_OUT = {"type": "http", "name": "$return", "direction": "OUT"}
QUEUE = {"type": "queueTrigger", "name": "msg", "queueName": "some-queue", "connection": "S"}
TIMER = {"type": "timerTrigger", "name": "timer", "schedule": "0 */5 * * * *"}
NOW = datetime(2020, 1, 25, tzinfo=UTC)


def read(settings: Mapping[str, str] | None = None, **functions: tuple[Mapping[str, Any], ...]) -> Functions:
    """Read functions given by their bindings."""
    indexed = [
        FunctionMetadata(name, bindings, has_retry_policy=False) for name, bindings in functions.items()
    ]
    return read_functions(indexed, settings or {}, "api", NOW)


def test_functions_come_in_the_order_of_their_names() -> None:
    """In any case. Routes are tried in this order."""
    found = read(b=(HTTP | {"route": "1"},), A=(HTTP | {"route": "2"},), c=(HTTP | {"route": "3"},))

    assert [function.name for function in found.usable] == ["A", "b", "c"]


def test_a_disabled_function_is_not_there() -> None:
    """It is not in error. Its route answers 404."""
    assert read({"AzureWebJobs.f.Disabled": "True"}, f=(HTTP, HTTP_OUT)) == Functions((), {})


def test_bindings_are_read_with_their_settings_and_defaults() -> None:
    """Without a route, the function's name is the route. A queue's name is in lower case."""
    found = read(
        {"Q": "Night-Shift"},
        f=({"type": "httpTrigger", "name": "req"}, HTTP_OUT),
        q=(QUEUE | {"queueName": "%Q%"}, {"type": "queue", "name": "out", "queueName": "other"}),
        t=(TIMER,),
    )

    web, queue, timer = found.usable
    assert isinstance(web.trigger, HttpTrigger)
    assert (web.trigger.route.template, web.trigger.level) == ("api/f", Level.FUNCTION)
    assert getattr(queue.trigger, "queue", None) == "night-shift"
    assert queue.outputs["out"].connection == "AzureWebJobsStorage"
    assert isinstance(timer.trigger, TimerTrigger)
    assert timer.trigger.monitored


@pytest.mark.parametrize(
    ("name", "bindings", "reason"),
    [
        ("host", (TIMER,), "name"),
        ("f", (TIMER | {"name": "a__b"},), "binding name"),
        ("f", (TIMER | {"schedule": "often"},), "six fields"),
        ("f", (TIMER | {"schedule": "0 0 0 31 4 *"},), "no date"),
        ("f", (TIMER | {"schedule": "%WHEN%"},), "'%WHEN%' does not resolve"),
        ("f", (QUEUE | {"queueName": "q"},), "not a valid queue name"),
        ("f", (HTTP | {"route": "admin/x"},), "conflicts"),
        ("f", ({"type": "blobTrigger", "name": "b"},), "blobTrigger"),
        ("f", (TIMER, {"type": "blob", "name": "b"}), "type blob"),
        ("f", (HTTP_OUT,), "exactly one trigger"),
    ],
)
def test_a_function_that_cannot_run_is_in_error_with_the_reason(
    name: str, bindings: tuple[Mapping[str, Any], ...], reason: str
) -> None:
    """The others run."""
    found = read({}, **{name: bindings, "healthy": (QUEUE,)})

    assert [function.name for function in found.usable] == ["healthy"]
    assert reason in found.in_error[name]


def test_of_two_functions_on_one_route_the_second_is_in_error() -> None:
    """Unless they share no method."""
    same = HTTP | {"route": "X"}

    assert list(read(a=(HTTP,), b=(same,)).in_error) == ["b"]
    assert not read(a=(HTTP,), b=(same | {"methods": ["POST"]},)).in_error
