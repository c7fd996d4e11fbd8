"""The app's functions, read and checked once from the bindings that its decorators wrote."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.local.host.errors import UnusableFunctionError
from infra.local.host.keys import Level
from infra.local.host.messages import FunctionMetadata
from infra.local.host.routes import Route
from infra.local.host.schedule import Schedule
from infra.local.host.settings import AppSettings, resolved

_FUNCTION_NAME = re.compile(r"(?!host$)[a-z][a-z0-9_-]{0,127}", re.IGNORECASE)
_BINDING_NAME = re.compile(r"(?!.*__)[a-zA-Z_][a-zA-Z0-9_]{0,127}|\$return")
_QUEUE_NAME = re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
DEFAULT_CONNECTION = "AzureWebJobsStorage"


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """Runs for requests that match the route, from callers with at least this level."""

    parameter: str
    route: Route
    level: Level


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    """Runs for every message of a queue. The function gets text, or bytes if ``binary``."""

    parameter: str
    queue: str
    connection: str
    binary: bool


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    """Runs on a schedule. If ``monitored``, one run replaces those missed while the host was down."""

    parameter: str
    schedule: Schedule
    monitored: bool
    at_start: bool


@dataclass(frozen=True, slots=True)
class QueueOutput:
    """The queue for the messages that a function returns or sets."""

    queue: str
    connection: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function that can run."""

    name: str
    trigger: HttpTrigger | QueueTrigger | TimerTrigger
    outputs: Mapping[str, QueueOutput]


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions that can run, ordered by name, and the reason why each of the others cannot."""

    usable: tuple[Function, ...]
    in_error: Mapping[str, str]


def read_functions(
    indexed: Iterable[FunctionMetadata], settings: AppSettings, route_prefix: str, now: datetime
) -> Functions:
    """Check every function that is not disabled. An invalid one goes to ``in_error`` with the reason."""
    usable: list[Function] = []
    in_error: dict[str, str] = {}
    for metadata in sorted(indexed, key=lambda each: each.name.lower()):
        if settings.get(f"AzureWebJobs.{metadata.name}.Disabled", "").lower() in {"1", "true"}:
            continue
        try:
            function = _function(metadata, settings, route_prefix, now)
            _check_route(function, usable)
        except (UnusableFunctionError, ValueError) as error:
            in_error[metadata.name] = str(error)
        else:
            usable.append(function)
    return Functions(tuple(usable), in_error)


def _function(
    metadata: FunctionMetadata, settings: AppSettings, route_prefix: str, now: datetime
) -> Function:
    if not _FUNCTION_NAME.fullmatch(metadata.name):
        raise UnusableFunctionError("Azure does not accept its name")
    for binding in metadata.bindings:
        if not _BINDING_NAME.fullmatch(binding["name"]):
            raise UnusableFunctionError(f"Azure does not accept the binding name {binding['name']!r}")
    if metadata.has_retry_policy:
        raise UnusableFunctionError("it has a retry policy, which the local host does not support")
    triggers = [each for each in metadata.bindings if each["type"].lower().endswith("trigger")]
    if len(triggers) != 1:
        raise UnusableFunctionError("it must have exactly one trigger")
    outputs = {
        each["name"]: _queue_output(each, settings)
        for each in metadata.bindings
        if each is not triggers[0] and each["type"] != "http"
    }
    return Function(metadata.name, _trigger(metadata.name, triggers[0], settings, route_prefix, now), outputs)


def _trigger(
    name: str, binding: Mapping[str, Any], settings: AppSettings, route_prefix: str, now: datetime
) -> HttpTrigger | QueueTrigger | TimerTrigger:
    match binding["type"]:
        case "httpTrigger":
            template = resolved(binding.get("route") or name, settings)
            route = Route.parse(name, template, binding.get("methods") or (), route_prefix)
            return HttpTrigger(binding["name"], route, Level[binding.get("authLevel", "FUNCTION").upper()])
        case "queueTrigger":
            return QueueTrigger(
                binding["name"],
                _queue_name(binding, settings),
                _connection(binding),
                binary=str(binding.get("dataType", "")).lower() == "binary",
            )
        case "timerTrigger":
            return _timer_trigger(binding, settings, now)
        case other:
            raise UnusableFunctionError(f"the local host does not support the trigger {other}")


def _timer_trigger(binding: Mapping[str, Any], settings: AppSettings, now: datetime) -> TimerTrigger:
    """Read a timer's binding. A schedule may not be a duration: only App Service plans run those."""
    schedule = Schedule.parse(resolved(binding["schedule"], settings))
    if schedule.after(now) is None:
        raise UnusableFunctionError(f"schedule {schedule.expression!r} matches no date")
    return TimerTrigger(
        binding["name"],
        schedule,
        # As in the host: a missed run of a dense schedule is not worth a status.
        monitored=binding.get("useMonitor", True) and not schedule.is_dense,
        at_start=binding.get("runOnStartup", False),
    )


def _queue_output(binding: Mapping[str, Any], settings: AppSettings) -> QueueOutput:
    if binding["type"] != "queue":
        raise UnusableFunctionError(f"the local host does not support the binding type {binding['type']}")
    return QueueOutput(_queue_name(binding, settings), _connection(binding))


def _queue_name(binding: Mapping[str, Any], settings: AppSettings) -> str:
    name = resolved(binding["queueName"], settings).lower()
    if not _QUEUE_NAME.fullmatch(name):
        raise UnusableFunctionError(f"{name!r} is not a valid queue name")
    return name


def _connection(binding: Mapping[str, Any]) -> str:
    return binding.get("connection") or DEFAULT_CONNECTION


def _check_route(function: Function, others: Iterable[Function]) -> None:
    if not isinstance(function.trigger, HttpTrigger):
        return
    for other in others:
        if isinstance(other.trigger, HttpTrigger) and function.trigger.route.overlaps(other.trigger.route):
            raise UnusableFunctionError(f"its route is also the route of the function {other.name}")
