"""The list of functions that the host prints at the start: addresses, schedules, errors."""

from collections.abc import Iterator
from datetime import datetime

from infra.local.host.functions import Function, Functions, HttpTrigger, QueueTrigger, TimerTrigger


def lines(functions: Functions, url: str, now: datetime) -> Iterator[str]:
    """Yield one line for each function, in aligned columns."""
    names = [function.name for function in functions.usable] + list(functions.in_error)
    width = max(map(len, names), default=0)
    for function in functions.usable:
        yield f"  {function.name:{width}}  {_described(function, url, now)}"
    for name, reason in functions.in_error.items():
        yield f"  {name:{width}}  IN ERROR: {reason}"


def _described(function: Function, url: str, now: datetime) -> str:
    match function.trigger:
        case HttpTrigger(route=route):
            methods = ",".join(sorted(route.methods)) or "any method"
            return f"{methods} {url}/{route.template}"
        case QueueTrigger(queue=queue):
            return f"queue {queue}"
        case TimerTrigger(schedule=schedule):
            due = schedule.after(now)
            return f"timer {schedule.expression}" + (f", next at {due:%H:%M:%S} UTC" if due else "")
