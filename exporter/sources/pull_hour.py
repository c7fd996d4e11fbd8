"""The pull of one hour of a source: what the Export API has of it stands in landing, each row once.

claim     the hour, and one of the source's slots (``lease``)
ask       the API, unless an earlier attempt has stored an answer; what is no data decides when to ask again
store     the answer in our container ``pulled``, whole or not at all (``answers``)
unpack    it into landing, row by row (``unpack``)
settle    the hour's record, then delete the answer

A worker may die at any point: the next one goes on from what is there.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus

from exporter.domain.errors import Busy, Conflict, Fault, NotConfigured, SourceFault, Transient
from exporter.domain.hour import Hour
from exporter.domain.pulls import (
    BACK_OFF_MAX,
    EMPTY_AFTER,
    FAILING_MIN,
    HEALTHY,
    WAIT_EVERY,
    ExportAnswer,
    Landed,
    PulledHour,
    PullTask,
    StoredAnswer,
    back_off,
)
from exporter.domain.source import Source, SourceStatus
from exporter.domain.versioned import Versioned
from exporter.notify.log_events import Event, log_event
from exporter.ports import Clock, Gateways
from exporter.sources import faults
from exporter.sources.answers import (
    NoAnswerError,
    answer_name,
    discard_answers,
    store_answer,
    stored_answer,
    task_of,
)
from exporter.sources.lease import Heartbeat, PullLease, Slot
from exporter.sources.unpack import (
    DamagedAnswerError,
    StepOverError,
    TurnTakenError,
    Unpacking,
    WrongProjectError,
    unpack,
)

# An hour whose folder is another answer's turn is looked at again after this time.
TURN_WAIT = timedelta(seconds=30)
# An attempt that has taken so long begins nothing new; the next one goes on. The host ends one that takes
# ``functionTimeout``, half an hour, and the process with it.
STEP_MAX = timedelta(minutes=20)
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})

_log = logging.getLogger(__name__)


class PullOutcome(StrEnum):
    """What an attempt at an hour has come to."""

    SETTLED = "settled"
    WAITING = "waiting"
    PUT_OFF = "put off"
    RELEASED = "released"
    FAILED = "failed"
    NOT_WANTED = "not wanted"
    NOT_DUE = "not due"
    NO_SLOT = "no slot is free"
    LEFT = "left to another worker"

    @property
    def answered(self) -> bool:
        """Whether the API was asked: what is due next may be queued at once."""
        return self in {
            PullOutcome.SETTLED,
            PullOutcome.WAITING,
            PullOutcome.PUT_OFF,
            PullOutcome.FAILED,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PullContext:
    """The worker of an attempt. ``claim_id`` names the attempt; ``slots_max`` is PULL_CONCURRENCY.

    An answer of so many bytes is unpacked inside the context ``room``, which raises ``Busy`` if the process
    has no memory left for it.
    """

    clock: Clock
    claim_id: str
    heartbeat: Heartbeat
    slots_max: int
    redelivered: bool = False
    room: Callable[[int], AbstractContextManager[None]] = lambda _bytes: nullcontext()


def pull_hour(task: PullTask, gateways: Gateways, worker: PullContext) -> PullOutcome:
    """Do what is due about an hour of a source.

    What passes is recorded, and the hour is due again later. Any other error is a bug: it is recorded and
    raised.
    """
    pulls, now = gateways.pulls, worker.clock()
    found_source = pulls.sources.get(task.source_id)
    if found_source is None or found_source.value.status is not SourceStatus.ACTIVE:
        return PullOutcome.NOT_WANTED
    source = found_source.value
    found = pulls.hours.get(source.id, task.hour)
    record = found.value if found else PulledHour(source.id, task.hour)
    if record.claimed(now):
        if worker.redelivered and record.claim is not None:
            # The holder may be the worker that died with this very message.
            pulls.queue.send([task], delay=record.claim.ends_in(now))
        return PullOutcome.LEFT
    if not _wanted(gateways, source, task, found.value if found else None, now):
        return PullOutcome.NOT_DUE
    slot = Slot(pulls, source.id, worker.claim_id, worker.clock)
    if not slot.take(worker.slots_max):
        return PullOutcome.NO_SLOT
    try:
        return _claimed(gateways, source, task, found, slot=slot, worker=worker)
    except Conflict as conflict:
        _log.info("%s %s: left to another worker: %s", source.id, task.hour, conflict)
        return PullOutcome.LEFT
    finally:
        slot.leave()


def _claimed(  # noqa: PLR0913  what an attempt is made of
    gateways: Gateways,
    source: Source,
    task: PullTask,
    found: Versioned[PulledHour] | None,
    *,
    slot: Slot,
    worker: PullContext,
) -> PullOutcome:
    """Claim the hour and pull it; ``Conflict`` if another worker was faster, or has taken it over."""
    record = found.value if found else PulledHour(source.id, task.hour)
    claimed = record.claimed_by(worker.claim_id, worker.clock())
    lease = PullLease(gateways.pulls, found, claimed, slot, worker.clock)
    with worker.heartbeat(lease.renew):
        return _Attempt(gateways, source, task, lease, worker, worker.clock() + STEP_MAX).run()


def _wanted(
    gateways: Gateways, source: Source, task: PullTask, record: PulledHour | None, now: datetime
) -> bool:
    """Whether the hour is to be pulled now: by the schedule, or for the run that the task names."""
    # An answer that is stored is unpacked whether the API answers or not.
    stored = record is not None and record.answer is not None
    if now < source.due_at(task.hour):
        return False
    if not stored and gateways.pulls.health.get(source.id).resting(now):
        return False
    if task.run_id:
        found = gateways.pulls.runs.get(source.id, task.run_id)
        run = found.value if found else None
        covered = run is not None and not run.ended and run.first <= task.hour <= run.last
        if run is not None and covered and run.wants(record, now):
            return True
    return task.hour >= source.start if record is None else record.due(now)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One worker's try to pull an hour that it has claimed."""

    gateways: Gateways
    source: Source
    task: PullTask
    lease: PullLease
    worker: PullContext
    until: datetime

    @property
    def hour(self) -> Hour:
        """The hour that is pulled."""
        return self.task.hour

    def run(self) -> PullOutcome:
        """Pull the hour; whatever happens, its record says what is next."""
        now = self.worker.clock
        try:
            outcome = self._pull()
        except TurnTakenError as taken:
            # That hour comes first, and its worker may have died.
            with suppress(Transient):
                self.gateways.pulls.queue.send([task_of(taken.answer)])
            return self._released(now() + TURN_WAIT, taken)
        except StepOverError as over:
            return self._released(now(), over)
        except Busy as busy:
            return self._released(now() + TURN_WAIT, busy)
        except (Transient, NotConfigured) as passing:
            return self._released(now() + back_off(1), passing)
        except Conflict:
            raise
        except Exception:
            fault = faults.interrupted(self.worker.claim_id)
            self.lease.release(
                lambda record: record.interrupted(fault, now() + back_off(record.failures + 1))
            )
            raise
        if outcome in {PullOutcome.WAITING, PullOutcome.PUT_OFF}:
            self._ask_again()
        self._log(outcome)
        return outcome

    def _log(self, outcome: PullOutcome) -> None:
        """Log one line for an hour that was pulled or has failed."""
        record = self.lease.record
        facts: dict[str, object] = {"source": self.source.id, "hour": self.hour.key, "pulls": record.pulls}
        if record.error is not None:
            log_event(Event.PULL_FAILED, **facts, code=record.error.code, failures=record.failures)
        elif outcome is PullOutcome.SETTLED:
            rows = {"rows": record.rows, "new_rows": record.new_rows}
            log_event(Event.HOUR_PULLED, **facts, **rows, blobs=record.blobs, bytes=record.bytes)

    def _ask_again(self) -> None:
        """Queue the hour for its time, which may be sooner than the next tick."""
        wait = (self.lease.record.next_pull_at or self.worker.clock()) - self.worker.clock()
        if wait <= BACK_OFF_MAX:
            with suppress(Transient):
                self.gateways.pulls.queue.send([self.task], delay=max(wait, timedelta()))

    def _released(self, until: datetime, why: Exception) -> PullOutcome:
        _log.warning("%s %s: to be continued: %s", self.source.id, self.hour, why)
        self.lease.release(lambda record: record.released(until))
        self._ask_again()
        return PullOutcome.RELEASED

    def _pull(self) -> PullOutcome:
        answer = self.lease.record.answer
        # A damaged answer is deleted before the record forgets it.
        if answer is None or self.gateways.pulls.answers.size(answer.name) is None:
            answer = self._stored()
        if answer is None:
            outcome = self._ask()
            if outcome is not None:
                return outcome
            answer = self.lease.record.answer
            if self.worker.clock() >= self.until:
                raise StepOverError("the answer is stored, and unpacked next")
        if answer is None:
            raise RuntimeError("an answer that was stored is not in the record")
        return self._unpack(answer)

    def _stored(self) -> StoredAnswer | None:
        """Return the answer that an earlier attempt has stored before it died; the record names it then."""
        answers, pulls = self.gateways.pulls.answers, self.lease.record.pulls
        found = stored_answer(answers, self.source.id, self.hour, pulls)
        return None if found is None else self._answered(found)

    def _answered(self, answer: StoredAnswer) -> StoredAnswer:
        self.lease.write(lambda record: record.answered(answer))
        return answer

    def _ask(self) -> PullOutcome | None:
        """Ask the API; None if its answer has data, which is stored then."""
        self.lease.ensure_may_ask()
        asked_at = self.worker.clock()
        with ExitStack() as opened:
            try:
                answer = opened.enter_context(self.gateways.pulls.api.ask(self.source, self.hour))
            except SourceFault as error:
                return self._put_off(error.fault, None, at_once=True)
            except Transient as error:
                return self._put_off(faults.unreachable(str(error)), None)
            try:
                return self._take(answer, asked_at)
            except NoAnswerError as error:
                return self._put_off(faults.no_zip(str(error)), None)
            except _CutOffError as error:
                return self._put_off(faults.unreachable(str(error)), None)

    def _take(self, answer: ExportAnswer, asked_at: datetime) -> PullOutcome | None:
        """Do what follows from the status of an answer; None if it is data."""
        status, source = answer.status, self.source
        if status == HTTPStatus.OK:
            self._store(answer, asked_at)
            return None
        if status == HTTPStatus.NOT_FOUND:
            self._heal()
            return self._no_data(asked_at)
        if status == HTTPStatus.BAD_REQUEST:
            self._heal()
            self.lease.write(lambda record: record.failed(faults.TOO_LARGE, source, asked_at))
            return PullOutcome.FAILED
        if status in _REFUSED:
            return self._put_off(faults.credentials(status), answer.retry_after, at_once=True)
        return self._put_off(faults.status_fault(status), answer.retry_after)

    def _store(self, answer: ExportAnswer, asked_at: datetime) -> None:
        """Store the data of an answer, and note it in the record."""
        record, answers = self.lease.record, self.gateways.pulls.answers
        name = answer_name(self.source.id, self.hour, record.pulls, asked_at, self.worker.claim_id)
        size = store_answer(answers, name, _until_cut_off(answer.body), self.lease.ensure_held)
        self._heal()
        self._answered(StoredAnswer(name, size, asked_at))

    def _no_data(self, asked_at: datetime) -> PullOutcome:
        """Wait for the data of an hour that has none yet; in the end the hour is empty."""
        empty_at = self.source.due_at(self.hour) + EMPTY_AFTER
        if self.lease.record.closed or asked_at >= empty_at:
            self._settle(asked_at)
            return PullOutcome.SETTLED
        self.lease.write(lambda record: record.waiting(min(asked_at + WAIT_EVERY, empty_at)))
        return PullOutcome.WAITING

    def _put_off(self, fault: Fault, retry_after: timedelta | None, *, at_once: bool = False) -> PullOutcome:
        """Ask again later, and tell that the source has failed to answer."""
        pulls, now = self.gateways.pulls, self.worker.clock()
        wait = back_off(self.lease.record.failures + 1) if retry_after is None else retry_after
        health = pulls.health.get(self.source.id)
        failed = health.failed(fault, now, retry_after, at_once=at_once)
        if failed != health:
            pulls.health.put(self.source.id, failed)
        self.lease.write(lambda record: record.put_off(fault, now + wait))
        return PullOutcome.PUT_OFF

    def _heal(self) -> None:
        """Tell that the source answers; if that is lost, the next answer tells it."""
        with suppress(Transient):
            if self.gateways.pulls.health.get(self.source.id) != HEALTHY:
                self.gateways.pulls.health.forget(self.source.id)

    def _unpack(self, answer: StoredAnswer) -> PullOutcome:
        """Land an answer, and settle the hour."""
        pulls, record, lease, source = self.gateways.pulls, self.lease.record, self.lease, self.source
        unpacking = Unpacking(
            source=source,
            hour=self.hour,
            name=answer.name,
            pull=record.pulls + 1,
            again=record.closed,
            attempt=self.worker.claim_id,
            answers=pulls.answers,
            landing=self.gateways.landing,
            writer=pulls.landing,
            turns=pulls.turns,
            late=pulls.late,
            clock=self.worker.clock,
            ensure_held=lease.ensure_held,
            until=self.until,
        )
        try:
            with self.worker.room(answer.bytes):
                unpacked = unpack(unpacking, answer.bytes)
        except DamagedAnswerError as error:
            return self._damaged(answer, faults.damaged(str(error)))
        except WrongProjectError as error:
            fault = faults.wrong_project(error.app, source.project_id)
            lease.write(lambda record: record.failed(fault, source, answer.asked_at))
            self._discard()
            return PullOutcome.FAILED
        self._settle(answer.asked_at, unpacked.landed, ignored=unpacked.ignored)
        self._discard()
        return PullOutcome.SETTLED

    def _damaged(self, answer: StoredAnswer, fault: Fault) -> PullOutcome:
        """Ask again for an answer that cannot be read; if it never can, the hour has failed."""
        if self.lease.record.failures + 1 < FAILING_MIN:
            self.gateways.pulls.answers.delete(answer.name)
            return self._put_off(fault, None)
        self.lease.write(lambda record: record.failed(fault, self.source, answer.asked_at))
        self._discard()
        return PullOutcome.FAILED

    def _settle(self, asked_at: datetime, landed: Landed | None = None, *, ignored: int = 0) -> None:
        now = self.worker.clock()
        self.lease.write(lambda record: record.settled(self.source, asked_at, now, landed, ignored=ignored))

    def _discard(self) -> None:
        """Delete the answers of settled pulls; those that stay are deleted after the next pull."""
        with suppress(Transient):
            discard_answers(self.gateways.pulls.answers, self.source.id, self.hour, self.lease.record.pulls)


class _CutOffError(Exception):
    """The body of an answer was cut off."""


def _until_cut_off(body: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the body; ``_CutOffError`` if it is cut off, to tell this from errors of our own storage."""
    try:
        yield from body
    except Transient as error:
        raise _CutOffError(str(error)) from error
