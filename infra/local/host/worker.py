"""Run Microsoft's worker library through its public functions, in the process that imports this.

The library stores the app in globals, so a process can load one app, once.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as runtime  # type: ignore[import-untyped]  # the library ships no types

from infra.local.host import wire
from infra.local.host.errors import IndexingError
from infra.local.host.messages import FunctionMetadata, Invocation, Outcome

_LIBRARY = ("azure_functions_runtime", "concurrent/futures/thread.py")
_SUCCESS = wire.PROTOS.StatusResult.Success


class Worker:
    """An app, loaded as Azure loads it. ``start`` and ``invoke`` must run on the same event loop."""

    def __init__(self, app: Path) -> None:
        self._app = app
        self._ids: dict[str, str] = {}
        self._running: dict[str, str] = {}
        self._http: set[str] = set()

    async def start(self) -> tuple[FunctionMetadata, ...]:
        """Import ``function_app.py`` and return its functions; ``IndexingError`` if that fails."""
        sys.path.append(str(self._app))  # last, as in Azure: installed packages win
        runtime.start_threadpool_executor()
        answer = await runtime.worker_init_request(wire.initialisation(str(self._app)))
        if answer.result.status != _SUCCESS:
            error = answer.result.exception
            raise IndexingError(f"the app cannot be loaded: {error.message}\n{error.stack_trace}".rstrip())
        indexed = (await runtime.functions_metadata_request(None)).function_metadata_results
        if not indexed:
            raise IndexingError(
                f"no functions found: {self._app} has no function_app.py, or it has no functions"
            )
        return tuple(self._metadata(function) for function in indexed)

    async def invoke(self, call: Invocation) -> Outcome:
        """Run a function once. Errors of the function are part of the outcome."""
        self._running[call.id] = call.function
        try:
            answer = await runtime.invocation_request(wire.invocation(call, self._ids[call.function]))
        finally:
            del self._running[call.id]
        if answer.result.status != _SUCCESS:
            error = answer.result.exception
            return Outcome(error=error.message, trace=_without_library(error.stack_trace))
        outputs = [(output.name, wire.queue_messages(output.data)) for output in answer.output_data]
        returned = answer.return_value
        if call.function in self._http:
            return Outcome(answer=wire.http_answer(returned), outputs=tuple(outputs))
        if returned is not None:
            outputs.append(("$return", wire.queue_messages(returned)))
        return Outcome(outputs=tuple(outputs))

    def running(self) -> str | None:
        """Return the function that runs in the calling thread; None in a thread that an app started."""
        return self._running.get(runtime.invocation_id_cv.get() or "")

    def _metadata(self, function: SimpleNamespace) -> FunctionMetadata:
        bindings: tuple[dict[str, Any], ...] = tuple(json.loads(text) for text in function.raw_bindings)
        self._ids[function.name] = function.function_id
        if any(binding["type"] == "httpTrigger" for binding in bindings):
            self._http.add(function.name)
        return FunctionMetadata(function.name, bindings, function.retry_options is not None)


def _without_library(trace: str) -> str:
    """Remove the frames between the host and the function: they are the same in every trace."""
    kept: list[str] = []
    skipping = False
    for line in trace.splitlines():
        if line.startswith('  File "'):
            skipping = any(part in line for part in _LIBRARY)
        elif not line.startswith("    "):
            skipping = False
        if not skipping:
            kept.append(line)
    return "\n".join(kept)
