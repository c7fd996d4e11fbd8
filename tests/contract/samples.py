"""Values in which every field differs from its default: what is stored of them is all that can be stored."""

from dataclasses import replace
from datetime import timedelta

from exporter.domain.backfill import (
    Backfill,
    BackfillStatus,
    FailedHour,
    Tally,
)
from exporter.domain.claims import Claim
from exporter.domain.commit_journal import CommitJournal, Doubt
from exporter.domain.connection_test import ConnectionReport, ConnectionStep, ConnectionTest
from exporter.domain.data_types import DataType
from exporter.domain.destination import (
    Compression,
    Credentials,
    CredentialsType,
    EarlierPlace,
    ExtraKeys,
    Output,
    Status,
    StorageTarget,
)
from exporter.domain.errors import Fault, Scope
from exporter.domain.file_names import NameStyle, PathLayout
from exporter.domain.filter_parser import stored_filter
from exporter.domain.hour_content import AppendBase, HourContent, Provenance, RowCounts
from exporter.domain.hour_record import HourRecord, HourStatus, SlicedExport
from exporter.domain.marker import Part, StagedFile
from exporter.domain.notifications import Webhook
from exporter.domain.pulls import FailedPull, PulledHour, PullRun, PullStatus, RunStatus, StoredAnswer
from exporter.domain.row_schema import Reason
from exporter.domain.slices import SliceRecord, SliceResult
from exporter.domain.source import Region, Source, SourceStatus
from exporter.domain.streams import LandingFingerprint, Stream
from exporter.domain.timestamps import TimestampFormat
from exporter.domain.verification import Counts, Span, Verification, VerificationStatus
from exporter.domain.work_item import Refusal, WorkItem
from tests.contract.backends import HOUR, KEY, NOW, a_destination

FAULT = Fault("blob_leased", "The blob x is leased.", "End its lease.", Scope.BLOB, may_pass=True)
OUTPUT = Output(
    NameStyle.SAFE,
    PathLayout.BY_PROJECT,
    TimestampFormat.AMPLITUDE,
    ExtraKeys.KEEP,
    completion_marker=False,
    max_part_mib=7,
    compression=Compression.SMALL,
)
RECORD = HourRecord(
    KEY,
    HOUR,
    HourStatus.RUNNING,
    NOW,
    work=WorkItem(
        attempts=3,
        requested_by="backfill:b1",
        round=2,
        started_at=NOW,
        claim=Claim("claim", NOW + timedelta(seconds=90)),
        retry_at=NOW,
        error=FAULT,
        transient_failures=3,
        refused=Refusal("backfill:b1", 2, FAULT, (("backfill:b0", 0),)),
    ),
    content=HourContent(
        rows=RowCounts(9, 8, 7, 6, 5, ((Reason.NOT_JSON, 4), (Reason.NOT_NDJSON, 2))),
        parts=(Part("187520_2020-01-25_17#1.json.gz", 9, 99, "md5=="),),
        filter_sha256="ab" * 32,
        output=OUTPUT,
        origin=Provenance(
            "acme.blob.core.windows.net|raw|",
            "marker",
            LandingFingerprint(2, "cd" * 32, "AAECAwQFBgc=", partial=True),
            ("acme/keys",),
            AppendBase(1, 1, RowCounts(1), 1, LandingFingerprint(1, "ef" * 32)),
            1,
        ),
        rejected=("acme/rejected",),
    ),
    journal=CommitJournal(
        committing=True,
        files=(StagedFile(Part("187520_2020-01-25_17#1.json.gz", 9, 99, "md5=="), "claim", 0, "acme/spool"),),
        in_doubt=(Doubt("acme.blob.core.windows.net|raw", "187520_2020-01-25_17#2.json.gz", 9, "md5=="),),
    ),
    sliced=SlicedExport("run", "acme/plan", 20),
    previous_status=HourStatus.EXPORTED,
    previous_finished_at=NOW,
    written_at=NOW,
    written_for=("schedule", "backfill:b1"),
    late_checked_at=NOW,
    not_moved_to="acme.blob.core.windows.net|other|",
)
SLICE = SliceRecord(
    KEY,
    HOUR,
    "run",
    7,
    Claim("claim", NOW),
    SliceResult(
        RowCounts(1, 0, 0, 2, 1, ((Reason.WRONG_TYPE, 2),)),
        (StagedFile(Part("name", 1, 9, "md5=="), "claim", 2),),
        "acme/keys",
        3,
        ("acme/rejected",),
        "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
    ),
    "acme/excluded",
)
STREAMS = (Stream(DataType.EVENTS, 187520), Stream(DataType.MERGED_IDS, 189524))
ASKED = Backfill(
    id="b1",
    destination_id="acme",
    start="2020-01-25",
    end="2030-01-25T05",
    first=HOUR,
    last=HOUR.plus(10 * 366 * 24),
    streams=STREAMS,
    total=2 * 10 * 366 * 24,
    created_at=NOW,
    since=NOW,
    retry_since=NOW,
    moved_at=NOW,
    done_before=HOUR,
    queued_before=HOUR,
    clamped=True,
)
RUNNING = replace(
    ASKED,
    status=BackfillStatus.RUNNING,
    step=17,
    hour_list="acme/backfills/b1/hours",
    tally=Tally(done=5, empty=4, rows=2**40, bytes=2**50, fresh=3),
    done_before=HOUR.plus(9),
    queued_before=HOUR.plus(100),
    begins=(HOUR, HOUR.plus(7)),
    clamped_start=True,
    allow_loss=True,
    round=2,
    resent_step=11,
    transient_failures=4,
    started_at=NOW + timedelta(seconds=2),
    moved_at=NOW + timedelta(minutes=1),
)
BEGUN = Verification(
    id="v1",
    destination_id="acme",
    span=Span(HOUR, HOUR.plus(24 * 365), (DataType.EVENTS, DataType.MERGED_IDS), open=2),
    repair=True,
    created_at=NOW,
    moved_at=NOW,
    next=HOUR,
)
MOVED = replace(
    BEGUN,
    moved_at=NOW + timedelta(minutes=1),
    next=HOUR.plus(200),
    transient_failures=4,
    counts=Counts(whole=390, wrong=5, running=3, elsewhere=2),
    found=("acme/verifications/v1/2020-01-25T17-s1.json",),
)
ENDED = replace(MOVED, status=VerificationStatus.SUCCEEDED, finished_at=NOW, backfill_id="b1")
DESTINATION = replace(
    a_destination("raw", "v1.key.sealed"),
    event_filter=stored_filter('{"all":[{"property":"event_type","operator":"is","values":["purchase"]}]}'),
    webhook=Webhook("https://hooks.example.com/exports", "v1.key.sealed"),
    storage=StorageTarget("raw", "https://acme.blob.core.windows.net", "a/b"),
    credentials=Credentials(CredentialsType.SERVICE_PRINCIPAL, "v1.key.sealed", "tenant", "client"),
    org_id=189524,
    output=OUTPUT,
    status=Status.PAUSED,
    activated_at=NOW,
    events_since=NOW,
    earlier=(EarlierPlace("acme.blob.core.windows.net|old", "a", PathLayout.FLAT, NOW),),
)
# Fields that are stored only if they are not at their default.
NOTIFIED = replace(
    DESTINATION,
    credentials=Credentials(CredentialsType.SAS, "v1.key.sealed", expires_at=NOW),
    webhook=Webhook(
        "https://hooks.example.com/exports",
        "v1.key.sealed",
        "v1.key.before",
        old_until=NOW,
        ended_at=NOW + timedelta(days=1),
    ),
)
TRIAL = ConnectionTest(
    NOW,
    ConnectionReport(
        (ConnectionStep("sign_in"), ConnectionStep("write", FAULT), ConnectionStep("read", skipped=True))
    ),
)
VERIFIED = replace(
    ENDED, status=VerificationStatus.FAILED, error=FAULT, found=("acme/verifications/v1/found.json",)
)
BACKFILL = replace(
    RUNNING,
    finished_at=NOW,
    failed=(FailedHour(KEY.stream, HOUR, FAULT),),
    error=FAULT,
)
NO_ZIP = Fault("no_zip", "It is a web page.", "Wait.")
SOURCE = Source(
    id="acme",
    project_id=187520,
    api_key="key",
    sealed="sealed",
    start=HOUR,
    created_at=NOW,
    region=Region.EU,
    base_url="https://amplitude.com/x",
    lag_minutes=60,
    repull_hours=(3, 5),
    status=SourceStatus.PAUSED,
)
PULLED_HOUR = PulledHour(
    "acme",
    HOUR,
    status=PullStatus.PULLING,
    next_pull_at=NOW,
    claim=Claim("c", NOW),
    pulls=2,
    failures=3,
    asked_at=NOW,
    closed_at=NOW,
    rows=4,
    new_rows=1,
    blobs=5,
    bytes=6,
    ignored=7,
    error=NO_ZIP,
    answer=StoredAnswer("acme/x.zip", 99, NOW),
)
PULL_RUN = PullRun(
    source_id="acme",
    id="r1",
    start="2020-01-25",
    end="2020-01-26",
    first=HOUR,
    last=HOUR.plus(40),
    created_at=NOW,
    done_before=HOUR.plus(2),
    status=RunStatus.RUNNING,
    clamped=True,
    done=1,
    empty=2,
    new_rows=3,
    failed=(FailedPull(HOUR, NO_ZIP),),
    started_at=NOW,
    finished_at=NOW,
)
