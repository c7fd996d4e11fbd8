"""The ledger: for each hour of a stream, what was done, by whom, and what came of it.

A record moves like this; every arrow is one compare-and-swap on its ETag:

    (absent) ──claim──▶ running ──finish──▶ exported | empty
                          │ ▲
             fail, release│ │claim, when due or when the lease ran out
                          ▼ │
                     failed | owed

An hour that is done may be taken again: to be written anew because a person asks for it (a backfill), or to
be added to because something landed late. Until such an attempt commits anything, giving the hour back means
that it is done as before. While an attempt commits, what it has recorded may or may not be in the container;
what attempts before it had recorded and did not finish is *in doubt*: whoever finishes the hour clears it.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from exporter.domain.destination import Output
from exporter.domain.errors import Fault
from exporter.domain.hours import Hour
from exporter.domain.marker import Part
from exporter.domain.records import Reason
from exporter.domain.streams import Listing, StreamKey

SCHEDULE = "schedule"
# A dead worker's hour is free again after this time at the latest; a living one renews it three times over.
LEASE = timedelta(seconds=90)
RENEW_EVERY = timedelta(seconds=30)
# After the n-th attempt, if it failed: 5, 10, 20, 40 minutes, then every hour.
BACK_OFF_FIRST = timedelta(minutes=5)
BACK_OFF_MAX = timedelta(hours=1)
# An hour whose slices are being staged by several workers is looked at again after this time: by then each of
# them has ended, died, or had its message delivered again.
RUN_AGAIN = timedelta(minutes=5)


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
class Share:
    """One slice of an hour that several workers stage: of which run, and its first part number."""

    run: str
    number: int


@dataclass(frozen=True, slots=True)
class HourTask:
    """A request to export one hour: what a queue message says. It is a hint; the ledger decides.

    With ``late`` it is a request to look for what landed after the hour was exported; with a ``share``, to
    stage one slice of it. ``round`` counts how often a backfill was begun: 0 at first, one more at each
    retry. With ``allow_loss`` a person accepts that the hour is replaced by less than it holds.
    """

    key: StreamKey
    hour: Hour
    requested_by: str = SCHEDULE
    late: bool = False
    share: Share | None = None
    round: int = 0
    allow_loss: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """What was there before late rows were added: how many parts and digests, and what became of the rows."""

    parts: int
    digests: int
    rows: RowCounts


@dataclass(frozen=True, slots=True)
class Origin:
    """What the files of an hour were made of, and where they went.

    ``target`` names account, container and prefix, ``marker`` the completion marker if there is one.
    ``landing`` is the listing that was read, None if it is not known; ``digests`` are the blobs of our own
    that tell which rows are exported. ``kept`` is set if rows that landed late were added.
    """

    target: str = ""
    marker: str | None = None
    landing: Listing | None = None
    digests: tuple[str, ...] = ()
    kept: Kept | None = None

    @property
    def kept_parts(self) -> int:
        """How many of the parts, from the first on, were there before."""
        return self.kept.parts if self.kept else 0


@dataclass(frozen=True, slots=True)
class Run:
    """An hour that is staged in slices by several workers.

    ``plan`` is the blob of our own that says how it is cut. Once rows that several slices have were found,
    it is ``reconciled``: the slices that have to leave some out are staged again.
    """

    id: str
    plan: str
    slices: int
    reconciled: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that an hour cannot fulfil, and that left it as it was: whose, in which round, and why."""

    requested_by: str
    round: int
    fault: Fault


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
    origin: Origin = field(default_factory=Origin)
    written_at: datetime | None = None
    """When the attempt began whose export of the whole hour this is; what landed late may have been added."""
    looked_at: datetime | None = None
    """When landing was last compared with what was exported."""
    committing: bool = False
    """Whether what is recorded was about to be committed by an attempt that has not finished."""
    in_doubt: tuple[Part, ...] = ()
    """What unfinished attempts before the latest one were about to commit, if it was something else."""
    was: HourStatus | None = None
    """Exported or empty, if it was that when it was taken, and nothing has been committed since."""
    was_at: datetime | None = None
    """When it was finished then."""
    run: Run | None = None
    round: int = 0
    """Which round of its backfill asked for the latest attempt."""
    written_for: tuple[str, ...] = ()
    """The latest requests that the files of this hour fulfil, the newest last: who asked for each attempt
    that wrote the whole hour. An attempt fulfils what those before it did."""
    refused: Refusal | None = None
    """The latest request that was refused, while the hour stayed as it was."""
    setbacks: int = 0
    """How many attempts in a row were broken off by something that should have passed."""

    @property
    def done(self) -> bool:
        """Whether the hour is in the customer's container."""
        return self.status in DONE

    def claimed(self, now: datetime) -> bool:
        """Whether some worker holds the hour and its lease has not run out."""
        return self.claim is not None and now < self.claim.until

    def due(self, now: datetime, healed_at: datetime | None = None) -> bool:
        """Whether the schedule may ask for it: not done, nobody has it, and a failure's back-off is over.

        A failure from before ``healed_at`` has none: what caused it is repaired.
        """
        waiting = self.retry_at is not None and now < self.retry_at and not self.forgiven(healed_at)
        return not (self.done or self.claimed(now) or waiting)

    def forgiven(self, healed_at: datetime | None) -> bool:
        """Whether what became of it was before its destination's storage recovered."""
        return healed_at is not None and self.finished_at is not None and self.finished_at <= healed_at

    def take(self, claim_id: str, requested_by: str, now: datetime, *, round_: int = 0) -> "HourRecord":
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
            was=self.status if self.done else self.was,
            was_at=self.finished_at if self.done else self.was_at,
        )

    def satisfies(self, since: datetime) -> bool:
        """Whether the hour was written whole by an attempt that began then or later."""
        return self.done and self.written_at is not None and self.written_at >= since

    def renewed(self, now: datetime) -> "HourRecord":
        """Return the record with its lease extended."""
        if self.claim is None:
            raise ValueError(f"nobody holds {self.key} {self.hour}")
        return replace(self, claim=replace(self.claim, until=now + LEASE))

    def staged(
        self,
        rows: RowCounts,
        parts: tuple[Part, ...],
        filter_sha256: str | None,
        output: Output | None = None,
        origin: Origin | None = None,
    ) -> "HourRecord":
        """Return the record with what is about to be committed: whoever finds the marker knows the counts.

        From here on nobody knows what is in the container, until somebody finishes the hour.
        """
        origin = origin or Origin()
        unfinished = (*self.in_doubt, *(self.parts[self.origin.kept_parts :] if self.committing else ()))
        return replace(
            self,
            rows=rows,
            parts=parts,
            filter_sha256=filter_sha256,
            output=output,
            origin=origin,
            written_at=self.written_at if origin.kept else self.started_at,
            looked_at=self.started_at,
            committing=True,
            in_doubt=tuple(part for part in dict.fromkeys(unfinished) if part not in parts),
            was=None,
            was_at=None,
        )

    def cleared(self) -> "HourRecord":
        """Return the record of an hour whose files were removed to be written anew: nothing is in doubt."""
        return replace(self, committing=False, in_doubt=(), parts=(), origin=Origin(), run=None)

    def adopted(
        self,
        rows: RowCounts,
        parts: tuple[Part, ...],
        filter_sha256: str | None,
        output: Output | None,
        origin: Origin,
    ) -> "HourRecord":
        """Return the record of an hour that was found in the container, whole: nothing is to be committed."""
        return replace(
            self, rows=rows, parts=parts, filter_sha256=filter_sha256, output=output, origin=origin
        )

    def looked(self, now: datetime, landing: Listing | None = None) -> "HourRecord":
        """Return the record of an hour that landing was compared with; ``landing`` if it was not known."""
        origin = replace(self.origin, landing=landing) if landing else self.origin
        return replace(self, looked_at=now, origin=origin)

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
            in_doubt=(),
            was=None,
            was_at=None,
            run=None,
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
            was=None,
            was_at=None,
            run=None,
        )

    def released(self) -> "HourRecord":
        """Return the record of an attempt that was broken off by a passing failure: owed, at once.

        If it was done, and nothing has been committed over it, it is done as before.
        """
        finished_at = self.was_at if self.was else None
        status = self.was or HourStatus.OWED
        return replace(
            self, status=status, finished_at=finished_at, claim=None, was=None, was_at=None, run=None
        )

    def left_to_run(self) -> "HourRecord":
        """Return the record of an attempt that was broken off where its slices are staged already."""
        return replace(self, claim=None)

    def spread(self, run: Run, now: datetime) -> "HourRecord":
        """Return the record of an hour that is left to the workers of its slices for a while."""
        return replace(self, run=run, claim=Claim(run.id, now + RUN_AGAIN))

    def gathered(self, claim_id: str, now: datetime) -> "HourRecord":
        """Return the record as claimed by the worker that goes on where the slices have ended."""
        return replace(self, claim=Claim(claim_id, now + LEASE))


def back_off(attempts: int) -> timedelta:
    """Return how long to wait after that many attempts: doubling, up to an hour."""
    doublings = min(max(attempts, 1) - 1, 10)
    return min(BACK_OFF_FIRST * (1 << doublings), BACK_OFF_MAX)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stream's schedule is. Every hour from ``first`` up to before ``next`` is done.

    ``next`` only spares the tick from reading old rows: it is derived from the ledger, may lag behind it,
    and is never ahead of it.
    """

    key: StreamKey
    first: Hour
    next: Hour
    late: tuple[Hour, ...] = ()
    """For each distance at which late blobs are looked for: the first hour not known to be looked at."""
