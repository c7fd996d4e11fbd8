"""The messages between the host and its worker processes: plain values, pickled over a pipe."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

type Message = str | bytes


@dataclass(frozen=True, slots=True)
class FunctionMetadata:
    """A function as the worker indexed it, with the bindings that its decorators wrote."""

    name: str
    bindings: tuple[Mapping[str, Any], ...]
    has_retry_policy: bool


@dataclass(frozen=True, slots=True)
class Started:
    """The first message of a worker process that has loaded the app."""

    functions: tuple[FunctionMetadata, ...]


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The only message of a worker process that cannot load the app."""

    reason: str


@dataclass(frozen=True, slots=True)
class HttpCall:
    """An HTTP request for a function. The URL may contain a key."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    route: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class QueueBody:
    """A queue message's content: text, or bytes for a function that asks for them.

    The message's other properties are the invocation's metadata.
    """

    content: str | bytes


@dataclass(frozen=True, slots=True)
class TimerDue:
    """A run of a timer. The status is None without a monitor or without storage."""

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
    """The answer of an HTTP function."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of an invocation: an error, or an answer and the messages of each output binding."""

    error: str | None = None
    trace: str = ""
    answer: HttpAnswer | None = None
    outputs: tuple[tuple[str, tuple[Message, ...]], ...] = ()
