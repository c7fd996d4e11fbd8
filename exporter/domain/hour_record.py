"""The ledger's record of one hour: who works on it, what is exported, and how far its commit is.

A record moves like this; every arrow is one compare-and-swap on its ETag:

    (absent) ──claim──▶ running ──finish──▶ exported | empty
                          │ ▲
             fail, release│ │claim, when due or when the lease ran out
                          ▼ │
                     failed | owed

A done hour may be claimed again: to be replaced, because a person asks for it (a backfill), or to be appended
to, because data landed late. Until such an attempt commits anything, a released hour is done as before.

A record has four parts: the work item (``work``), what is exported (``content``), the journal of the commit
(``journal``), and the sliced export while several workers stage the hour (``sliced``). Before an attempt
commits, it records the content and the journal. If it dies, the next attempt completes it from these.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from exporter.domain.allowed_hosts import same_container
from exporter.domain.claims import LEASE, Claim
from exporter.domain.commit_journal import CommitJournal, Doubt
from exporter.domain.errors import Fault
from exporter.domain.hour import Hour
from exporter.domain.hour_content import HourContent, Provenance
from exporter.domain.hour_task import SCHEDULE
from exporter.domain.marker import StagedFile
from exporter.domain.streams import StreamKey
from exporter.domain.versioned import Unreadable
from exporter.domain.work_item import WRITTEN_FOR_MAX, Refusal, WorkItem

# The code of an hour whose record cannot be read.
UNREADABLE = "unreadable"
# A tick looks again at an hour that is staged in slices after this time: by then another worker may claim the
# slice of a worker that died.
RUN_AGAIN = LEASE


class HourStatus(StrEnum):
    """What has become of an hour so far."""

    OWED = "owed"
    RUNNING = "running"
    EXPORTED = "exported"
    EMPTY = "empty"
    FAILED = "failed"


DONE = frozenset({HourStatus.EXPORTED, HourStatus.EMPTY})


@dataclass(frozen=True, slots=True)
class SlicedExport:
    """An hour that several workers stage in slices; ``plan`` is our own blob that says how it is cut."""

    id: str
    plan: str
    slices: int


@dataclass(frozen=True, slots=True)
class HourRecord:
    """One row of the ledger.

    ``content`` is what the container holds once the hour is done; before that, what the latest attempt was
    about to commit. An hour that no worker ever claimed has no row.
    """

    key: StreamKey
    hour: Hour
    status: HourStatus = HourStatus.OWED
    finished_at: datetime | None = None
    """When the hour came to this status."""
    work: WorkItem = field(default_factory=WorkItem)
    content: HourContent = field(default_factory=HourContent)
    journal: CommitJournal = field(default_factory=CommitJournal)
    sliced: SlicedExport | None = None
    previous_status: HourStatus | None = None
    """Status before this attempt if the hour was done, while nothing has been committed since: a released
    hour returns to it."""
    previous_finished_at: datetime | None = None
    written_at: datetime | None = None
    """When the attempt began that exported the whole hour; late data may have been appended since."""
    written_for: tuple[str, ...] = ()
    """The latest requests that the content fulfils, the newest last: the requesters of attempts that wrote
    the whole hour. An attempt fulfils what those before it did."""
    late_checked_at: datetime | None = None
    """When landing was last compared with what was exported."""
    not_moved_to: str = ""
    """A target that the hour is not owed to though its files are elsewhere: landing does not hold it all."""

    @property
    def done(self) -> bool:
        """Whether the hour is in the customer's container."""
        return self.status in DONE

    @property
    def unreadable(self) -> bool:
        """Whether this stands for a record that cannot be read: see ``unreadable_record``."""
        return self.work.error is not None and self.work.error.code == UNREADABLE

    @property
    def shown_error(self) -> Fault | None:
        """The error of an hour that is not done: why it failed, or keeps being broken off."""
        return self.work.error if self.status in {HourStatus.FAILED, HourStatus.OWED} else None

    @property
    def abandoned_as_done(self) -> bool:
        """Whether the hour was claimed again while it was done, and nothing has been committed since."""
        return self.status is HourStatus.RUNNING and self.previous_status is not None

    @property
    def holder(self) -> str | None:
        """The id of the claim on the hour, which may have run out."""
        return self.work.claim.id if self.work.claim else None

    @property
    def moved_at(self) -> datetime | None:
        """When the hour came to its status, or the end of the latest lease if that is later."""
        lease_ends = self.work.claim.until if self.work.claim else None
        return max(filter(None, (self.finished_at, lease_ends)), default=None)

    def state(self) -> "HourRecord":
        """Return the record with only those fields that the schedule reads of every hour."""
        return HourRecord(
            self.key,
            self.hour,
            self.status,
            self.finished_at,
            WorkItem(claim=self.work.claim, retry_at=self.work.retry_at),
            HourContent(origin=Provenance(self.content.origin.target)),
            late_checked_at=self.late_checked_at,
            not_moved_to=self.not_moved_to,
        )

    def outline(self) -> "HourRecord":
        """Return the record with only those fields that a summary reads: the status, who works, and where."""
        return HourRecord(
            self.key,
            self.hour,
            self.status,
            work=WorkItem(claim=self.work.claim),
            content=HourContent(origin=Provenance(self.content.origin.target)),
            not_moved_to=self.not_moved_to,
        )

    def done_for(self, target: str) -> bool:
        """Whether nothing of the hour is owed to a target (``account|container|prefix``).

        Files that went to another container do not count, unless the hour cannot be exported again whole.
        Another prefix of the same container is not another place.
        """
        here = same_container(self.content.origin.target, target)
        return self.done and (here or (self.not_moved_to != "" and same_container(self.not_moved_to, target)))

    def claimed(self, now: datetime) -> bool:
        """Whether a worker holds the hour and its lease has not run out."""
        return self.work.claimed(now)

    def due(self, now: datetime, healed_at: datetime | None = None, *, target: str = "") -> bool:
        """Whether the schedule may ask for the hour: not done, no worker has it, and its back-off is over.

        A failure from before ``healed_at`` has no back-off: its cause is repaired. With a ``target`` the hour
        must be done for that target.
        """
        retry_at = self.work.retry_at
        waiting = retry_at is not None and now < retry_at and not self.forgiven(healed_at)
        return not (self.done_for(target) or self.claimed(now) or waiting or self.unreadable)

    def forgiven(self, healed_at: datetime | None) -> bool:
        """Whether the hour came to its status before the storage of its destination recovered."""
        return healed_at is not None and self.finished_at is not None and self.finished_at <= healed_at

    def satisfies(self, since: datetime) -> bool:
        """Whether the hour was written whole by an attempt that began then or later."""
        return self.done and self.written_at is not None and self.written_at >= since

    def claimed_by(self, claim_id: str, requested_by: str, now: datetime, *, round_: int = 0) -> "HourRecord":
        """Return the record as claimed for a new attempt."""
        # A worker that did not release the hour counts as an attempt that was broken off.
        abandoned = self.status is HourStatus.RUNNING and self.sliced is None
        claim = Claim.begun(claim_id, now)
        return replace(
            self,
            status=HourStatus.RUNNING,
            finished_at=None,
            work=self.work.begun(claim, requested_by, now, round_=round_, abandoned=abandoned),
            previous_status=self.status if self.done else self.previous_status,
            previous_finished_at=self.finished_at if self.done else self.previous_finished_at,
        )

    def renewed(self, now: datetime) -> "HourRecord":
        """Return the record with its lease extended."""
        if self.work.claim is None:
            raise ValueError(f"no worker holds {self.key} {self.hour}")
        return replace(self, work=replace(self.work, claim=self.work.claim.renewed(now)))

    def prepared(
        self,
        content: HourContent,
        files: tuple[StagedFile, ...],
        doubts: Iterable[Doubt],
        *,
        adopted: bool = False,
    ) -> "HourRecord":
        """Return the record with what is about to be committed.

        From here on an attempt that finds the hour unfinished completes it. ``doubts`` are all other files of
        the hour that are there or could be. An ``adopted`` hour was found in the container.
        """
        kept = content.origin.kept is not None or adopted
        requested_by = self.work.requested_by
        fulfilled = (*(each for each in self.written_for if each != requested_by), requested_by)
        return replace(
            self,
            work=replace(self.work, refused=None),
            content=content,
            journal=CommitJournal(committing=True, files=files, in_doubt=tuple(dict.fromkeys(doubts))),
            previous_status=None,
            previous_finished_at=None,
            written_at=self.written_at if kept else self.work.started_at,
            written_for=self.written_for if kept else fulfilled[-WRITTEN_FOR_MAX:],
            late_checked_at=self.late_checked_at if adopted else self.work.started_at,
            not_moved_to="",
        )

    def completed(self, now: datetime) -> "HourRecord":
        """Return the record of an hour that a later attempt has completed, and still holds."""
        return replace(
            self,
            journal=self.journal.closed(self.content.origin.target),
            previous_status=self._status_when_done(),
            previous_finished_at=now,
        )

    def finished(self, now: datetime) -> "HourRecord":
        """Return the record of an hour that is whole in the customer's container."""
        return replace(
            self,
            status=self._status_when_done(),
            finished_at=now,
            work=self.work.finished(),
            journal=self.journal.closed(self.content.origin.target),
            sliced=None,
            previous_status=None,
            previous_finished_at=None,
        )

    def _status_when_done(self) -> HourStatus:
        return HourStatus.EXPORTED if self.content.parts else HourStatus.EMPTY

    def late_checked(self, now: datetime) -> "HourRecord":
        """Return the record of an hour that was compared with landing and lacks nothing."""
        return replace(self, late_checked_at=now)

    def left_elsewhere(self, target: str, why: Fault) -> "HourRecord":
        """Return the record of an hour whose files are elsewhere and that is not exported to a target."""
        refusal = Refusal(SCHEDULE, 0, why)
        return replace(self, not_moved_to=target, work=replace(self.work, refused=refusal))

    def failed(self, fault: Fault, now: datetime) -> "HourRecord":
        """Return the record of a failed attempt, to be tried again after a back-off."""
        return replace(
            self,
            status=HourStatus.FAILED,
            finished_at=now,
            work=self.work.failed(fault, now),
            sliced=None,
            previous_status=None,
            previous_finished_at=None,
        )

    def released(self) -> "HourRecord":
        """Return the record of an hour that its worker gives back: owed at once, or done as before."""
        return self._given_back(self.work.released())

    def broken_off(self, why: str) -> "HourRecord":
        """Return the record of an attempt that an error ended which should have passed."""
        return self._given_back(self.work.broken_off(why))

    def refuse(self, fault: Fault, *, late_checked_at: datetime | None = None) -> "HourRecord":
        """Return the record of an hour that its latest request cannot have: the hour stays as it was.

        ``late_checked_at`` is when landing was compared with what was exported, if that was requested.
        """
        refused = self._given_back(self.work.refuse(fault))
        return replace(refused, late_checked_at=late_checked_at or self.late_checked_at)

    def _given_back(self, work: WorkItem) -> "HourRecord":
        return replace(
            self,
            status=self.previous_status or HourStatus.OWED,
            finished_at=self.previous_finished_at if self.previous_status else None,
            work=work,
            sliced=None,
            previous_status=None,
            previous_finished_at=None,
        )

    def released_to_slices(self, sliced: SlicedExport, now: datetime) -> "HourRecord":
        """Return the record of an hour that the workers of its slices have for a while."""
        return replace(self, sliced=sliced, work=replace(self.work, claim=Claim(sliced.id, now + RUN_AGAIN)))

    def joined(self, claim_id: str, now: datetime) -> "HourRecord":
        """Return the record as claimed by the worker that joins the staged slices."""
        return replace(self, work=replace(self.work, claim=Claim.begun(claim_id, now)))

    def returned_to_slices(self) -> "HourRecord":
        """Return the record of an attempt to join that was broken off: the slices stay staged."""
        return replace(self, work=self.work.released())


def unreadable_record(key: StreamKey, hour: Hour, row: Unreadable) -> HourRecord:
    """Return what stands in a list of records for one that cannot be read: it has failed, and is never due.

    No worker can claim it: a read of the record alone raises ``UnreadableRowError``.
    """
    fault = Fault(
        code=UNREADABLE,
        message="The exporter's own record of this hour cannot be read.",
        fix=f'Ask the operator of this exporter to look for "row unreadable" in the log: {row.key}.',
    )
    return HourRecord(key, hour, HourStatus.FAILED, work=WorkItem(error=fault))
