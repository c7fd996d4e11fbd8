"""The ledger: for each hour of a stream, what was done, by whom, and what came of it.

A record moves like this; every arrow is one compare-and-swap on its ETag:

    (absent) ──claim──▶ running ──finish──▶ exported | empty
                          │ ▲
             fail, release│ │claim, when due or when the lease ran out
                          ▼ │
                     failed | owed

An hour that is done may be taken again: to be replaced, because a person asks for it (a backfill), or to be
added to, because something landed late. Until such an attempt commits anything, giving the hour back means
that it is done as before.

Before an attempt commits, it records what it is about to commit (``parts``), where that is prepared
(``journal``), and every other file of the hour that is there or that an earlier attempt could still commit
(``in_doubt``). If it dies, the next attempt completes it from the journal. What is in doubt stays so until
an attempt that has seen to all of it closes the hour.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from exporter.domain import transient_failures
from exporter.domain.allowed_hosts import same_container
from exporter.domain.destination import Output
from exporter.domain.errors import Fault
from exporter.domain.hour import Hour
from exporter.domain.marker import Part, StagedFile
from exporter.domain.row_schema import Reason
from exporter.domain.streams import LandingFingerprint, StreamKey
from exporter.domain.versioned import Unreadable

SCHEDULE = "schedule"
# A dead worker's hour is free again after this time at the latest; a living one renews it three times over.
LEASE = timedelta(seconds=90)
RENEW_EVERY = timedelta(seconds=30)
# After the n-th attempt, if it failed: 5, 10, 20, 40 minutes, then every hour.
BACK_OFF_FIRST = timedelta(minutes=5)
BACK_OFF_MAX = timedelta(hours=1)
# The code of an hour whose record cannot be read.
UNREADABLE = "unreadable"
# An hour whose slices several workers stage is looked at again by the next tick after this time: by then the
# slice of a worker that died may be taken by another.
RUN_AGAIN = LEASE
# Requests that an hour's record names as fulfilled, or as refused: hardly more backfills of one hour are
# under way at once, and one that falls out of the list costs a further attempt at the hour, no more.
WRITTEN_FOR_MAX = 32


class HourStatus(StrEnum):
    """What became of an hour so far."""

    OWED = "owed"
    RUNNING = "running"
    EXPORTED = "exported"
    EMPTY = "empty"
    FAILED = "failed"


DONE = frozenset({HourStatus.EXPORTED, HourStatus.EMPTY})


@dataclass(frozen=True, slots=True)
class RowCounts:
    """What became of the rows of an hour; every row read is exported, filtered, duplicate or rejected.

    ``amended`` rows are among the exported. ``rejected_by_reason`` says why rows were rejected, as far as
    that is known: pairs of a reason and a count above 0, sorted by reason.
    """

    exported: int = 0
    filtered: int = 0
    duplicate: int = 0
    rejected: int = 0
    amended: int = 0
    rejected_by_reason: tuple[tuple[Reason, int], ...] = ()

    @property
    def read(self) -> int:
        """All rows that the hour's landing blobs hold."""
        return self.exported + self.filtered + self.duplicate + self.rejected

    @property
    def lost(self) -> bool:
        """Whether there were rows, and all of them were rejected."""
        return self.rejected == self.read > 0

    @property
    def warning(self) -> str | None:
        """What a reader of an hour with these counts should know: all of its rows were rejected."""
        if not self.lost:
            return None
        reasons = ", ".join(f"{reason} {count}" for reason, count in self.rejected_by_reason)
        return (
            f"Rows that landed: {self.read}; rejected: all of them{f' ({reasons})' if reasons else ''}."
            " They are kept in the container rejected. Correct what fills the landing container, let it land"
            " the rows again, and start a backfill of the hour."
        )

    def __add__(self, other: "RowCounts") -> "RowCounts":
        """Return both together."""
        reasons = Counter(dict(self.rejected_by_reason)) + Counter(dict(other.rejected_by_reason))
        return RowCounts(
            self.exported + other.exported,
            self.filtered + other.filtered,
            self.duplicate + other.duplicate,
            self.rejected + other.rejected,
            self.amended + other.amended,
            tuple(sorted(reasons.items())),
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """Who is exporting the hour, and until when nobody else may. ``id`` is unique to one attempt."""

    id: str
    until: datetime


@dataclass(frozen=True, slots=True)
class SliceRef:
    """One slice of an hour that several workers stage: of which run, and its first part number."""

    run: str
    number: int


@dataclass(frozen=True, slots=True)
class HourTask:
    """A request to export one hour: what a queue message says. It is a hint; the ledger decides.

    With ``late`` it is a request to look for what landed after the hour was exported; with a ``slice_ref``,
    to stage one slice of it. ``round`` counts how often a backfill was begun: 0 at first, one more at each
    retry. With ``allow_loss`` a person accepts that the hour is replaced by less than it holds.
    """

    key: StreamKey
    hour: Hour
    requested_by: str = SCHEDULE
    late: bool = False
    slice_ref: SliceRef | None = None
    round: int = 0
    allow_loss: bool = False


@dataclass(frozen=True, slots=True)
class AppendBase:
    """What was there before late rows were added.

    How many ``parts``, ``digests`` and ``rejected`` blobs, what became of the ``rows``, and the ``landing``
    fingerprint.
    """

    parts: int
    digests: int
    rows: RowCounts
    rejected: int = 0
    landing: LandingFingerprint | None = None


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the files of an hour were made of, and where they went.

    ``target`` names account, container and prefix, ``marker`` the completion marker if there is one.
    ``landing`` is the fingerprint of what was read, None if it is not known; ``digests`` are the blobs of our
    own that tell which rows are exported. ``kept`` is set if rows that landed late were added. The first
    ``rejected_before`` blobs of rejected rows are of landing blobs that were gone when they were written.
    """

    target: str = ""
    marker: str | None = None
    landing: LandingFingerprint | None = None
    digests: tuple[str, ...] = ()
    kept: AppendBase | None = None
    rejected_before: int = 0

    @property
    def kept_parts(self) -> int:
        """How many of the parts, from the first on, were there before."""
        return self.kept.parts if self.kept else 0

    @property
    def container(self) -> str:
        """The account and container that the files went to; empty if that was never recorded."""
        return container_of(self.target)


def container_of(target: str) -> str:
    """Return the account and container of a target, without its prefix."""
    return target.rpartition("|")[0]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A file of an hour that is to be gone: it is there, or an earlier attempt could still commit it.

    ``container`` is its account and container. ``bytes`` and ``md5`` are those of its content, as far as
    they are known: a file that is to have just this content is in no doubt.
    """

    container: str
    name: str
    bytes: int = -1
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class SlicedExport:
    """An hour that is staged in slices by several workers.

    ``plan`` is the blob of our own that says how it is cut.
    """

    id: str
    plan: str
    slices: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that an hour cannot fulfil, and that left it as it was: whose, in which round, and why.

    ``others`` are requests before it that were refused, too, while the hour stayed the same.
    """

    requested_by: str
    round: int
    fault: Fault
    others: tuple[tuple[str, int], ...] = ()

    @property
    def requests(self) -> tuple[tuple[str, int], ...]:
        """All requests that were refused, the newest last: whose, and in which round."""
        return (*self.others, (self.requested_by, self.round))


@dataclass(frozen=True, slots=True)
class HourContent:
    """What an hour is to be: its parts in order, and what they are made of.

    ``rejected`` are the blobs of our own that keep its rejected rows.
    """

    rows: RowCounts
    parts: tuple[Part, ...]
    filter_sha256: str | None
    output: Output | None
    origin: Provenance
    rejected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HourRecord:
    """One row of the ledger.

    ``parts`` and ``rows`` are what is in the container once the hour is done; before that, what the latest
    attempt was about to commit. ``filter_sha256`` and ``output`` are the settings they were made with, which
    may have been changed since; ``output`` is None if it is not known any more.
    """

    key: StreamKey
    hour: Hour
    status: HourStatus = HourStatus.OWED
    rows: RowCounts = field(default_factory=RowCounts)
    parts: tuple[Part, ...] = ()
    filter_sha256: str | None = None
    output: Output | None = None
    attempts: int = 0
    requested_by: str = SCHEDULE
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: Fault | None = None
    claim: Claim | None = None
    retry_at: datetime | None = None
    origin: Provenance = field(default_factory=Provenance)
    written_at: datetime | None = None
    """When the attempt began whose export of the whole hour this is; what landed late may have been added."""
    late_checked_at: datetime | None = None
    """When landing was last compared with what was exported."""
    committing: bool = False
    """Whether what is recorded was about to be committed by an attempt that has not finished."""
    journal: tuple[StagedFile, ...] = ()
    """Where the files are prepared that were about to be committed; others of the parts are there already."""
    in_doubt: tuple[Doubt, ...] = ()
    """Every file that is no part of the hour as recorded, and that is there or could still be committed."""
    rejected: tuple[str, ...] = ()
    """The blobs of our own that keep the rejected and amended rows of this hour; no others count."""
    previous_status: HourStatus | None = None
    """Exported or empty, if it was that when it was taken, and nothing has been committed since."""
    previous_finished_at: datetime | None = None
    """When it was finished then."""
    run: SlicedExport | None = None
    round: int = 0
    """Which round of its backfill asked for the latest attempt."""
    written_for: tuple[str, ...] = ()
    """The latest requests that the files of this hour fulfil, the newest last: who asked for each attempt
    that wrote the whole hour. An attempt fulfils what those before it did."""
    refused: Refusal | None = None
    """The latest request that was refused, while the hour stayed as it was."""
    transient_failures: int = 0
    """How many attempts in a row were broken off by something that should have passed."""

    not_moved_to: str = ""
    """The target that the hour is not owed to, though its files went elsewhere: landing has not all of it."""

    @property
    def done(self) -> bool:
        """Whether the hour is in the customer's container."""
        return self.status in DONE

    @property
    def unreadable(self) -> bool:
        """Whether it stands for a record that cannot be read: see ``unreadable_record``."""
        return self.error is not None and self.error.code == UNREADABLE

    @property
    def shown_error(self) -> Fault | None:
        """What is told of an hour that is not done: why it failed, or keeps being broken off."""
        return self.error if self.status in {HourStatus.FAILED, HourStatus.OWED} else None

    def done_for(self, target: str) -> bool:
        """Whether nothing is owed of the hour to a target (``account|container|prefix``).

        Files that went to another container do not count, unless the hour cannot be exported again whole.
        Another prefix of the same container is not another place.
        """
        here = same_container(self.origin.target, target)
        return self.done and (here or (self.not_moved_to != "" and same_container(self.not_moved_to, target)))

    def claimed(self, now: datetime) -> bool:
        """Whether some worker holds the hour and its lease has not run out."""
        return self.claim is not None and now < self.claim.until

    def due(self, now: datetime, healed_at: datetime | None = None, *, target: str = "") -> bool:
        """Whether the schedule may ask for it: not done, nobody has it, and a failure's back-off is over.

        A failure from before ``healed_at`` has none: what caused it is repaired. With a ``target`` it must be
        done for that one.
        """
        waiting = self.retry_at is not None and now < self.retry_at and not self.forgiven(healed_at)
        return not (self.done_for(target) or self.claimed(now) or waiting or self.unreadable)

    def forgiven(self, healed_at: datetime | None) -> bool:
        """Whether what became of it was before its destination's storage recovered."""
        return healed_at is not None and self.finished_at is not None and self.finished_at <= healed_at

    def claimed_by(self, claim_id: str, requested_by: str, now: datetime, *, round_: int = 0) -> "HourRecord":
        """Return the record as claimed for a new attempt."""
        return replace(
            self,
            status=HourStatus.RUNNING,
            attempts=self.attempts + 1,
            requested_by=requested_by,
            round=round_,
            started_at=now,
            finished_at=None,
            retry_at=None,
            claim=Claim(claim_id, now + LEASE),
            previous_status=self.status if self.done else self.previous_status,
            previous_finished_at=self.finished_at if self.done else self.previous_finished_at,
            # Whoever had it did not give it back: that counts as an attempt that was broken off.
            transient_failures=self.transient_failures
            + (self.status is HourStatus.RUNNING and self.run is None),
        )

    def satisfies(self, since: datetime) -> bool:
        """Whether the hour was written whole by an attempt that began then or later."""
        return self.done and self.written_at is not None and self.written_at >= since

    def renewed(self, now: datetime) -> "HourRecord":
        """Return the record with its lease extended."""
        if self.claim is None:
            raise ValueError(f"nobody holds {self.key} {self.hour}")
        return replace(self, claim=replace(self.claim, until=now + LEASE))

    def prepared(
        self,
        content: HourContent,
        journal: tuple[StagedFile, ...],
        doubts: Iterable[Doubt],
        *,
        adopted: bool = False,
    ) -> "HourRecord":
        """Return the record with what is about to be committed.

        From here on an attempt that finds the hour unfinished completes it. ``doubts`` are all other files of
        the hour that are there or could be. An ``adopted`` hour was found in the container.
        """
        kept = content.origin.kept is not None or adopted
        fulfilled = (*(each for each in self.written_for if each != self.requested_by), self.requested_by)
        return replace(
            self,
            rows=content.rows,
            parts=content.parts,
            filter_sha256=content.filter_sha256,
            output=content.output,
            origin=content.origin,
            rejected=content.rejected,
            journal=journal,
            written_at=self.written_at if kept else self.started_at,
            written_for=self.written_for if kept else fulfilled[-WRITTEN_FOR_MAX:],
            late_checked_at=self.late_checked_at if adopted else self.started_at,
            committing=True,
            in_doubt=tuple(dict.fromkeys(doubts)),
            previous_status=None,
            previous_finished_at=None,
            refused=None,
            not_moved_to="",
        )

    def left_elsewhere(self, target: str, why: Fault) -> "HourRecord":
        """Return the record of an hour whose files went elsewhere and that is not exported to a target."""
        return replace(self, not_moved_to=target, refused=Refusal(SCHEDULE, 0, why))

    def completed(self, now: datetime) -> "HourRecord":
        """Return the record of an hour that a later attempt has completed, and still holds."""
        return replace(
            self,
            committing=False,
            journal=(),
            in_doubt=self._doubts_elsewhere(),
            previous_status=HourStatus.EXPORTED if self.parts else HourStatus.EMPTY,
            previous_finished_at=now,
        )

    def _doubts_elsewhere(self) -> tuple[Doubt, ...]:
        return tuple(each for each in self.in_doubt if not same_container(each.container, self.origin.target))

    def late_checked(self, now: datetime) -> "HourRecord":
        """Return the record of an hour that landing was compared with, and that lacks nothing."""
        return replace(self, late_checked_at=now)

    @property
    def abandoned_as_done(self) -> bool:
        """Whether it was taken again while it was done, and nothing has been committed since."""
        return self.status is HourStatus.RUNNING and self.previous_status is not None

    def finished(self, now: datetime) -> "HourRecord":
        """Return the record of an hour that is whole in the customer's container."""
        status = HourStatus.EXPORTED if self.parts else HourStatus.EMPTY
        return replace(
            self,
            status=status,
            finished_at=now,
            claim=None,
            error=None,
            committing=False,
            journal=(),
            in_doubt=self._doubts_elsewhere(),
            previous_status=None,
            previous_finished_at=None,
            run=None,
            transient_failures=0,
        )

    def failed(self, fault: Fault, now: datetime) -> "HourRecord":
        """Return the record of a failed attempt, to be tried again after a back-off."""
        return replace(
            self,
            status=HourStatus.FAILED,
            finished_at=now,
            error=fault,
            claim=None,
            retry_at=now + back_off(self.attempts),
            previous_status=None,
            previous_finished_at=None,
            run=None,
            transient_failures=0,
        )

    def released(self) -> "HourRecord":
        """Return the record of an attempt that was broken off by a passing failure: owed, at once.

        If it was done, and nothing has been committed over it, it is done as before.
        """
        finished_at = self.previous_finished_at if self.previous_status else None
        status = self.previous_status or HourStatus.OWED
        return replace(
            self,
            status=status,
            finished_at=finished_at,
            claim=None,
            previous_status=None,
            previous_finished_at=None,
            run=None,
        )

    def broken_off(self, why: str) -> "HourRecord":
        """Return the record of an attempt that was broken off by something that should have passed.

        From the third time in a row on, the record says so.
        """
        count = self.transient_failures + 1
        error = self.error
        if transient_failures.shown(count):
            error = transient_failures.keeps_failing(
                "The export of this hour", why, "It is tried again by itself."
            )
        return replace(self.released(), transient_failures=count, error=error)

    def refuse(self, fault: Fault) -> "HourRecord":
        """Return the record of an hour that its latest request cannot have: it stays as it was."""
        before = self.refused.requests if self.refused else ()
        others = tuple(each for each in before if each != (self.requested_by, self.round))
        refusal = Refusal(self.requested_by, self.round, fault, others[1 - WRITTEN_FOR_MAX :])
        return replace(self.released(), refused=refusal, transient_failures=0)

    def returned_to_slices(self) -> "HourRecord":
        """Return the record of an attempt that was broken off where its slices are staged already."""
        return replace(self, claim=None)

    def released_to_slices(self, run: SlicedExport, now: datetime) -> "HourRecord":
        """Return the record of an hour that is left to the workers of its slices for a while."""
        return replace(self, run=run, claim=Claim(run.id, now + RUN_AGAIN))

    def joined(self, claim_id: str, now: datetime) -> "HourRecord":
        """Return the record as claimed by the worker that goes on where the slices have ended."""
        return replace(self, claim=Claim(claim_id, now + LEASE))


def unreadable_record(key: StreamKey, hour: Hour, row: Unreadable) -> HourRecord:
    """Return what stands in a list of records for one that cannot be read: it has failed, and is never due.

    Nobody can take it: the record itself raises when it is asked for alone.
    """
    fault = Fault(
        code=UNREADABLE,
        message="The exporter's own record of this hour cannot be read.",
        fix=f'Ask the operator of this exporter to look for "row unreadable" in the log: {row.key}.',
    )
    return HourRecord(key, hour, HourStatus.FAILED, error=fault)


def put_off(claim: Claim, now: datetime) -> timedelta:
    """Return after how long to look again at what somebody holds: when the lease ends.

    That is never longer than a lease, as a holder whose clock is ahead writes a later end.
    """
    return min(claim.until - now, LEASE)


def back_off(attempts: int) -> timedelta:
    """Return how long to wait after that many attempts: doubling, up to an hour."""
    doublings = min(max(attempts, 1) - 1, 10)
    return min(BACK_OFF_FIRST * (1 << doublings), BACK_OFF_MAX)


@dataclass(frozen=True, slots=True)
class StreamProgress:
    """How far a stream's schedule is. Every hour from ``first`` up to before ``next`` is done.

    ``next`` only spares the tick from reading old rows: it is derived from the ledger, may lag behind it,
    and is not to be ahead of it. Since a ledger can be lost behind its back, it says what it was derived
    from: progress that names another ``ledger`` than there is counts for nothing. A single lost row is found
    by the review of each day, which reads the stream's whole ledger.
    """

    key: StreamKey
    first: Hour
    watermark: Hour
    late: tuple[Hour, ...] = ()
    """For each distance at which late blobs are looked for: the first hour not known to be looked at."""
    ledger: str = ""
    """The ledger that it was derived from, as ``Ledger.identity`` calls it; empty before the first tick."""
    reviewed_at: datetime | None = None
    """When the stream's first hour was last looked for, and its whole ledger read."""
    place: str = ""
    """The account and container that it is about (``account|container``); empty if that was not kept."""

    def derived_from(self, ledger: str) -> "StreamProgress":
        """Return the progress as far as it holds for a ledger: from the first hour on, if it is another."""
        if self.ledger == ledger:
            return self
        return replace(self, watermark=self.first, late=(), ledger=ledger, reviewed_at=None)

    def back_to(self, hour: Hour) -> "StreamProgress":
        """Return the progress with that hour not known to be done, which may be before the first."""
        return replace(
            self,
            first=min(self.first, hour),
            watermark=min(self.watermark, hour),
            late=tuple(min(each, hour) for each in self.late),
        )

    def at(self, place: str) -> "StreamProgress":
        """Return it as it is for another account and container: there, it is at its beginning."""
        if self.place == place:
            return self
        known = self if same_container(self.place, place) else replace(self, watermark=self.first, late=())
        return replace(known, place=place)
