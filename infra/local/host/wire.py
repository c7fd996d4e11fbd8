"""Replacements for the protobuf classes of the worker library, and conversions from and to our values.

The library takes its wire classes as an argument. It only constructs them with keywords and reads attributes.
``SimpleNamespace`` can do both, so neither gRPC nor protobuf is needed here.
"""

import json
from types import SimpleNamespace
from typing import Any

from infra.local.host.messages import HttpAnswer, HttpCall, Invocation, Message, Payload, QueueBody, TimerDue

NO_CONTENT = 204


class _Choice(SimpleNamespace):
    """A record with exactly one field set (protobuf's ``oneof``)."""

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802  the name is protobuf's
        return next((name for name, value in vars(self).items() if value is not None), None)


class _BindingInfo(SimpleNamespace):
    undefined, out, inout = 0, 1, 2


class _StatusResult(SimpleNamespace):
    Failure, Success, Cancelled = 0, 1, 2
    exception: Any = None


class _Cookie(SimpleNamespace):
    SameSite = SimpleNamespace(**{"None": None, "Lax": "Lax", "Strict": "Strict", "ExplicitNone": "None"})


class _InvocationResponse(SimpleNamespace):
    output_data: Any = ()
    return_value: Any = None


PROTOS = SimpleNamespace(
    BindingInfo=_BindingInfo,
    StatusResult=_StatusResult,
    TypedData=_Choice,
    ParameterBinding=SimpleNamespace,
    RpcHttp=SimpleNamespace,
    RpcHttpCookie=_Cookie,
    InvocationResponse=_InvocationResponse,
    **dict.fromkeys(
        (
            *(
                "RpcFunctionMetadata",
                "RpcRetryOptions",
                "RpcException",
                "WorkerMetadata",
                "WorkerInitResponse",
            ),
            *("FunctionMetadataResponse", "NullableString", "NullableBool", "NullableDouble"),
            *("NullableTimestamp", "Timestamp"),
        ),
        SimpleNamespace,
    ),
)


class _Parameter(SimpleNamespace):
    """An argument of an invocation. Its data are always inline, never in shared memory."""

    def WhichOneof(self, _group: str) -> str:  # noqa: N802  the name is protobuf's
        return "data"


def initialisation(app: str) -> SimpleNamespace:
    """Return the request that makes the worker load an app."""
    request = SimpleNamespace(
        worker_init_request=SimpleNamespace(capabilities={}, function_app_directory=app)
    )
    return SimpleNamespace(request=request, properties={"host": "127.0.0.1", "protos": PROTOS})


def invocation(call: Invocation, function_id: str) -> SimpleNamespace:
    """Return the request that makes the worker run a function."""
    request = SimpleNamespace(
        invocation_id=call.id,
        function_id=function_id,
        input_data=[_Parameter(name=call.parameter, data=_payload(call.payload))],
        trigger_metadata={name: _metadata(value) for name, value in call.metadata.items()},
        trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
        retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
    )
    return SimpleNamespace(request=SimpleNamespace(invocation_request=request), properties={})


def _payload(payload: Payload) -> _Choice:
    match payload:
        case HttpCall():
            http = SimpleNamespace(
                method=payload.method,
                url=payload.url,
                headers=payload.headers,
                query=payload.query,
                params=payload.route,
                body=_Choice(bytes=payload.body),
            )
            return _Choice(http=http)
        case QueueBody():
            content = payload.content
            return _Choice(bytes=content) if isinstance(content, bytes) else _Choice(string=content)
        case TimerDue():
            info = {
                "Schedule": {"AdjustForDST": False},
                "ScheduleStatus": payload.status,
                "IsPastDue": payload.past_due,
            }
            return _Choice(json=json.dumps(info))


def _metadata(value: str | int) -> _Choice:
    return _Choice(string=value) if isinstance(value, str) else _Choice(json=json.dumps(value))


def http_answer(value: Any) -> HttpAnswer:  # noqa: ANN401  a wire record or None
    """Return the answer of an HTTP function, which returned a response, a text or nothing."""
    if value is None:
        return HttpAnswer(NO_CONTENT)
    if value.WhichOneof("data") != "http":
        text = str(getattr(value, str(value.WhichOneof("data"))))
        return HttpAnswer(200, (("Content-Type", "text/plain; charset=utf-8"),), text.encode())
    http = value.http
    cookies = tuple(("Set-Cookie", _cookie(cookie)) for cookie in http.cookies or ())
    return HttpAnswer(int(http.status_code), (*http.headers.items(), *cookies), http.body.bytes or b"")


def _cookie(cookie: Any) -> str:  # noqa: ANN401  a wire record
    """Return a cookie's header value, which the worker has parsed."""
    attributes = {
        "Path": cookie.path and cookie.path.value,
        "Domain": cookie.domain and cookie.domain.value,
        "Max-Age": cookie.max_age and int(cookie.max_age.value),
        "SameSite": cookie.same_site,
    }
    flags = {"Secure": cookie.secure, "HttpOnly": cookie.http_only}
    return "; ".join(
        [f"{cookie.name}={cookie.value}"]
        + [f"{name}={value}" for name, value in attributes.items() if value not in (None, "")]
        + [name for name, flag in flags.items() if flag and flag.value]
    )


def queue_messages(value: Any) -> tuple[Message, ...]:  # noqa: ANN401  a wire record
    """Return the messages that a function gave to a queue output binding.

    As in the host, a text that looks like JSON is parsed: an array becomes several messages, and an object is
    written again with indentation.
    """
    kind = str(value.WhichOneof("data"))
    content = getattr(value, kind)
    if kind == "bytes":
        return (bytes(content),)
    text = content if isinstance(content, str) else json.dumps(content)
    if (text.strip()[:1], text.strip()[-1:]) not in {("{", "}"), ("[", "]")}:
        return (text,)
    try:
        parsed = json.loads(text)
    except ValueError:
        return (text,)
    items = parsed if isinstance(parsed, list) else [parsed]
    return tuple(_one_message(item, from_object=kind == "json") for item in items)


def _one_message(item: object, *, from_object: bool) -> str:
    """Return one message's text. A ``QueueMessage`` arrives as an object of its id and its body."""
    if from_object and isinstance(item, dict) and set(item) == {"id", "body"}:
        item = item["body"]
    return item if isinstance(item, str) else json.dumps(item, indent=2, ensure_ascii=False)
