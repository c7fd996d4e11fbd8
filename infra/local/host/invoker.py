"""Running one invocation: in a worker process, within the deadline, its messages sent, its end logged."""

import logging
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from textwrap import indent

from azure.core.exceptions import AzureError

from infra.local.host.errors import UnusableFunctionError, WorkerDiedError
from infra.local.host.functions import Function, HttpTrigger
from infra.local.host.log_levels import LogLevels, of_invocations
from infra.local.host.messages import Invocation, Outcome, Payload
from infra.local.host.outputs import OutputSender
from infra.local.host.storage import reason
from infra.local.host.worker_pool import WorkerPool

_log = logging.getLogger("host")


class Invoker:
    """Runs functions, and knows how many are running."""

    def __init__(
        self, pool: WorkerPool, timeout: timedelta | None, outputs: OutputSender, levels: LogLevels
    ) -> None:
        self._pool = pool
        self._timeout = timeout
        self._outputs = outputs
        self._levels = levels
        self._running = 0
        self._changed = threading.Condition()
        # An app that sends messages with the storage SDK gives no sign of it; but it can only have done so
        # in an invocation, so the end of one is a good moment to look.
        self.on_end: Callable[[], None] = lambda: None

    def run(
        self, function: Function, payload: Payload, metadata: Mapping[str, str | int] | None = None
    ) -> Outcome:
        """Run a function to its end. Whatever goes wrong is the outcome's error: nothing is raised."""
        with self._changed:
            self._running += 1
        started = time.monotonic()
        try:
            outcome = self._run(function, payload, metadata or {})
            self._report(function, outcome, time.monotonic() - started)
            return outcome
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()
            self.on_end()

    def drain(self, seconds: float) -> int:
        """Wait until nothing runs, or for that long; return how many still run."""
        with self._changed:
            self._changed.wait_for(lambda: self._running == 0, seconds)
            return self._running

    def _run(self, function: Function, payload: Payload, metadata: Mapping[str, str | int]) -> Outcome:
        call_id = str(uuid.uuid4())  # noqa: TID251  what Azure's host does; nothing depends on it
        call = Invocation(call_id, function.name, function.trigger.parameter, payload, metadata)
        try:
            future, worker = self._pool.submit(call)
            try:
                outcome = future.result(self._timeout.total_seconds() if self._timeout else None)
            except TimeoutError:
                worker.kill()
                return Outcome(
                    error=f"exceeded functionTimeout ({self._timeout}); its worker process was killed, with "
                    "whatever else ran in it"
                )
            self._outputs.send(function, outcome)
        except (WorkerDiedError, UnusableFunctionError) as error:
            return Outcome(error=str(error))
        except AzureError as error:
            return Outcome(error=f"its messages could not be sent: {reason(error)}")
        except Exception as error:  # noqa: BLE001  one invocation must not end the thread that made it
            return Outcome(error=f"the host could not run it: {error!r}", trace=traceback.format_exc())
        return outcome

    def _report(self, function: Function, outcome: Outcome, seconds: float) -> None:
        """Log how it went, if host.json keeps that. Requests are logged where they are answered."""
        category = of_invocations(function.name)
        if outcome.error is not None:
            if not self._levels.keeps(category, logging.ERROR):
                return
            trace = indent(f"\n{outcome.trace.rstrip()}", "    ") if outcome.trace else ""
            _log.error("%s: failed after %.0f ms: %s%s", function.name, 1000 * seconds, outcome.error, trace)
        elif self._levels.keeps(category, logging.INFO) and not isinstance(function.trigger, HttpTrigger):
            _log.info("%s: succeeded in %.0f ms", function.name, 1000 * seconds)
