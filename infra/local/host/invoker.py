"""Run one invocation: in a worker process, within the deadline; send its messages and log its end."""

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
    """Runs functions and counts the running ones."""

    def __init__(
        self, pool: WorkerPool, timeout: timedelta | None, outputs: OutputSender, levels: LogLevels
    ) -> None:
        self._pool = pool
        self._timeout = timeout
        self._outputs = outputs
        self._levels = levels
        self._running = 0
        self._changed = threading.Condition()
        # An app may send messages with the storage SDK, which the host cannot see. It does so within an
        # invocation, so the end of one is the moment to poll the queues.
        self.on_end: Callable[[], None] = lambda: None

    def run(
        self, function: Function, payload: Payload, metadata: Mapping[str, str | int] | None = None
    ) -> Outcome:
        """Run a function to its end. Every error is part of the outcome: nothing is raised."""
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
        """Wait until nothing runs, but no longer than that; return how many invocations still run."""
        with self._changed:
            self._changed.wait_for(lambda: self._running == 0, seconds)
            return self._running

    def _run(self, function: Function, payload: Payload, metadata: Mapping[str, str | int]) -> Outcome:
        call_id = str(uuid.uuid4())  # noqa: TID251  as Azure's host does; nothing depends on it
        call = Invocation(call_id, function.name, function.trigger.parameter, payload, metadata)
        try:
            future, worker = self._pool.submit(call)
            try:
                outcome = future.result(self._timeout.total_seconds() if self._timeout else None)
            except TimeoutError:
                worker.kill()
                return Outcome(
                    error=f"exceeded functionTimeout ({self._timeout}); its worker process was killed, with "
                    "every other invocation in it"
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
        """Log how an invocation ended, if host.json keeps that. ``web`` logs the successful requests."""
        category = of_invocations(function.name)
        if outcome.error is not None:
            if not self._levels.keeps(category, logging.ERROR):
                return
            trace = indent(f"\n{outcome.trace.rstrip()}", "    ") if outcome.trace else ""
            _log.error("%s: failed after %.0f ms: %s%s", function.name, 1000 * seconds, outcome.error, trace)
        elif self._levels.keeps(category, logging.INFO) and not isinstance(function.trigger, HttpTrigger):
            _log.info("%s: succeeded in %.0f ms", function.name, 1000 * seconds)
