"""Values in which every field differs from its default: what is stored of them is all that can be stored."""

from datetime import timedelta

from exporter.domain.claims import Claim
from exporter.domain.commit_journal import CommitJournal, Doubt
from exporter.domain.destination import Compression, ExtraKeys, Output
from exporter.domain.errors import Fault, Scope
from exporter.domain.file_names import NameStyle, PathLayout
from exporter.domain.hour_content import AppendBase, HourContent, Provenance, RowCounts
from exporter.domain.hour_record import HourRecord, HourStatus, SlicedExport
from exporter.domain.marker import Part, StagedFile
from exporter.domain.row_schema import Reason
from exporter.domain.slices import SliceRecord, SliceResult
from exporter.domain.streams import LandingFingerprint
from exporter.domain.timestamps import TimestampFormat
from exporter.domain.work_item import Refusal, WorkItem
from tests.contract.backends import HOUR, KEY, NOW

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
    ),
    "acme/excluded",
)
