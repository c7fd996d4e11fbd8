"""Route a request to a function, or answer it here if it is for the host (``/admin``)."""

import json
import threading
from collections.abc import Mapping
from http import HTTPStatus

from infra.local.host.functions import Function, Functions, HttpTrigger, QueueTrigger, TimerTrigger
from infra.local.host.invoker import Invoker
from infra.local.host.keys import Keys, Level
from infra.local.host.messages import HttpAnswer, HttpCall, Payload, TimerDue
from infra.local.host.queues import hand_made_metadata, queue_body
from infra.local.host.web import Request

_ADMIN = "/admin/"
_FUNCTIONS = f"{_ADMIN}functions/"
_STATUS = f"{_ADMIN}host/status"


class Application:
    """Answers requests. Without keys it authorizes every caller, as ``func start`` does."""

    def __init__(self, functions: Functions, invoker: Invoker, keys: Keys | None, host_id: str) -> None:
        self._functions = functions
        self._by_name = {function.name.lower(): function for function in functions.usable}
        self._invoker = invoker
        self._keys = keys
        self._host_id = host_id
        self._stopping = False

    def stop(self) -> None:
        """Answer 503 from now on: open connections may still bring requests."""
        self._stopping = True

    def __call__(self, request: Request) -> HttpAnswer:
        """Answer a request: run the first function whose route matches, or answer 404."""
        if self._stopping:
            return HttpAnswer(HTTPStatus.SERVICE_UNAVAILABLE)
        level = self._keys.level(request.key) if self._keys else Level.ADMIN
        if request.path.lower().startswith(_ADMIN):
            return self._admin(request) if level is Level.ADMIN else HttpAnswer(_refusal(level))
        for function in self._functions.usable:
            if isinstance(function.trigger, HttpTrigger):
                parameters = function.trigger.route.match(request.method, request.path)
                if parameters is not None:
                    if level < function.trigger.level:
                        return HttpAnswer(HTTPStatus.UNAUTHORIZED)
                    return self._call(function, request, parameters)
        return HttpAnswer(HTTPStatus.NOT_FOUND)

    def _call(self, function: Function, request: Request, parameters: Mapping[str, str]) -> HttpAnswer:
        call = HttpCall(request.method, request.url, request.headers, request.query, parameters, request.body)
        outcome = self._invoker.run(function, call)
        if outcome.error is not None or outcome.answer is None:
            return HttpAnswer(HTTPStatus.INTERNAL_SERVER_ERROR)
        return outcome.answer

    def _admin(self, request: Request) -> HttpAnswer:
        path = request.path.lower()
        if path == _STATUS and request.method == "GET":
            status = {"id": self._host_id, "state": "Running", "errors": dict(self._functions.in_error)}
            return HttpAnswer(
                HTTPStatus.OK, (("Content-Type", "application/json"),), json.dumps(status).encode()
            )
        function = self._by_name.get(path.removeprefix(_FUNCTIONS))
        if function is None or request.method != "POST":
            return HttpAnswer(HTTPStatus.NOT_FOUND)
        return self._fire(function, request.body)

    def _fire(self, function: Function, body: bytes) -> HttpAnswer:
        """Run a timer or queue function on request; answer without waiting for it."""
        try:
            given = json.loads(body or b"{}").get("input", "")
        except (ValueError, AttributeError):
            return HttpAnswer(HTTPStatus.BAD_REQUEST)
        text = given if isinstance(given, str) else json.dumps(given)
        payload: Payload
        metadata: Mapping[str, str | int] = {}
        match function.trigger:
            case TimerTrigger():
                payload = TimerDue(past_due=False, status=None)
            case QueueTrigger():
                payload, metadata = (
                    queue_body(text, function.trigger),
                    hand_made_metadata(text, function.trigger),
                )
            case HttpTrigger():
                return HttpAnswer(HTTPStatus.BAD_REQUEST)
        threading.Thread(
            target=self._invoker.run, args=(function, payload, metadata), name=function.name, daemon=True
        ).start()
        return HttpAnswer(HTTPStatus.ACCEPTED)


def _refusal(level: Level) -> HTTPStatus:
    """Return the status for a caller without the master key: 401 without a valid key, else 403."""
    return HTTPStatus.UNAUTHORIZED if level is Level.ANONYMOUS else HTTPStatus.FORBIDDEN
