"""What the host and its worker processes tell each other. Plain values: they are pickled over a pipe."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

type Message = str | bytes


@dataclass(frozen=True, slots=True)
class FunctionMetadata:
    """A function as the worker indexed it; bindings as the decorators wrote them."""

    name: str
    bindings: tuple[Mapping[str, Any], ...]
    has_retry_policy: bool


@dataclass(frozen=True, slots=True)
class Started:
    """The first word of a worker process: it has loaded the app."""

    functions: tuple[FunctionMetadata, ...]


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The only word of a worker process that cannot load the app."""

    reason: str


@dataclass(frozen=True, slots=True)
class HttpCall:
    """An HTTP request on its way to a function. The URL may hold a key."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    route: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class QueueBody:
    """A queue message's content, bytes for a function that asks for them.

    What else is known of the message travels as the invocation's metadata.
    """

    content: str | bytes


@dataclass(frozen=True, slots=True)
class TimerDue:
    """A timer's turn; no status when there is no monitor, or no storage."""

    past_due: bool
    status: Mapping[str, str] | None


type Payload = HttpCall | QueueBody | TimerDue


@dataclass(frozen=True, slots=True)
class Invocation:
    """One run of one function."""

    id: str
    function: str
    parameter: str
    payload: Payload
    metadata: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What an HTTP function answered."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation ended: with an error, or with an answer and messages by output binding."""

    error: str | None = None
    trace: str = ""
    answer: HttpAnswer | None = None
    outputs: tuple[tuple[str, tuple[Message, ...]], ...] = ()
