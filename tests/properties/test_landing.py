import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.domain.destination import ExtraKeys, Output
from exporter.domain.hour_content import RowCounts
from exporter.domain.row_schema import Reason, RejectedRow
from exporter.domain.timestamps import TimestampFormat
from exporter.pipeline.chain import RowChain, rejected_line
from exporter.pipeline.codec import Codec
from exporter.pipeline.codecs import codec_of
from exporter.pipeline.key_set import KeySet
from exporter.pipeline.merged_ids import MergedIdCodec
from infra.local.sample import Counts, DataType, Fault, LandingHour, Sample, TimeFormat, Truth
from tests.properties.rows import as_exported
from tests.support.builders import EVENTS, HOUR, Landing, exported_lines
from tests.support.two_ways import codec_of_events

pytestmark = pytest.mark.usefixtures("each_way")

# One line of 10 MB an hour would be most of the work; it has a test of its own.
FAULTS = frozenset(Fault) - {Fault.HUGE_LINE}
REASONS = {
    Fault.NOT_JSON: {Reason.NOT_JSON, Reason.NOT_AN_OBJECT},
    Fault.NOT_UTF8: {Reason.NOT_UTF8},
    Fault.MISSING_FIELD: {Reason.FIELD_MISSING},
    Fault.MISTYPED_FIELD: {Reason.WRONG_TYPE},
    Fault.FOREIGN_APP: {Reason.FOREIGN_APP},
    Fault.OUTSIDE_HOUR: {Reason.OUTSIDE_HOUR},
    Fault.TOO_DEEP: {Reason.TOO_DEEP},
    Fault.TRUNCATED_GZIP: {Reason.UNREADABLE},
    Fault.NOT_NDJSON: {Reason.NOT_NDJSON},
}

samples = st.builds(
    Sample,
    seed=st.integers(min_value=1, max_value=10_000),
    events_per_hour=st.integers(min_value=10, max_value=60),
    merges_per_hour=st.integers(min_value=0, max_value=60),
    blobs_per_hour=st.integers(min_value=1, max_value=12),
    faults=st.just(FAULTS) | st.frozensets(st.sampled_from(sorted(FAULTS))),
    time_format=st.sampled_from(TimeFormat),
    extra_keys=st.booleans(),
    real_shaped=st.booleans(),
    gzip_level=st.sampled_from([0, 2, 9]),
)
chunk_sizes = st.sampled_from([100, 4096, 1 << 20])


class Reading:
    """What the pipeline makes of files: the lines it exports, those it rejects, its counts."""

    def __init__(self, codec: Codec[Any], landing: Landing, seen: KeySet) -> None:
        self.rejected: list[RejectedRow] = []
        chain = RowChain(codec, self.rejected.append, seen=seen)
        self.records = [json.loads(line) for line in exported_lines(chain, landing)]
        self.counts = chain.tally.counts()

    def agrees_with(self, truth: Truth) -> None:
        """Fail unless counts and rejected lines, with their places and reasons, are those of the truth."""
        counts = self.counts
        assert truth.counts() == Counts(counts.exported, counts.duplicate, counts.rejected, counts.amended)
        assert counts.filtered == 0
        assert sum(count for _, count in counts.rejected_by_reason) == counts.rejected
        rejected = [row for row in self.rejected if not row.exported]
        amended = [row for row in self.rejected if row.exported]
        known = list(truth.rejected())
        for rows, lines in ((rejected, known), (amended, list(truth.amended()))):
            assert [(row.blob, row.line, row.content) for row in rows] == [
                (line.blob, line.line_number, line.line) for line in lines
            ]
        assert {row.rejection.reason for row in amended} <= {Reason.WRONG_TYPE}
        for row, line in zip(rejected, known, strict=True):
            assert row.rejection.reason in REASONS[line.fault]
            assert json.loads(rejected_line(row))["line"] == line.line_number


def landed(hour: LandingHour, data_type: DataType, chunk_bytes: int) -> tuple[Landing, Landing]:
    """Return the files of an hour, and those that come late."""
    files, late = hour.files(data_type), hour.late_files(data_type)
    return (
        Landing({file.name: file.content() for file in files}, chunk_bytes),
        Landing({file.name: file.content() for file in late}, chunk_bytes),
    )


@settings(max_examples=20)
@given(samples, chunk_sizes, st.sampled_from(ExtraKeys))
def test_every_event_of_an_hour_is_exported_once_or_accounted_for(
    sample: Sample, chunk_bytes: int, extra: ExtraKeys
) -> None:
    """Whatever is wrong with the hour: rows whole and in order, bad lines byte for byte, late ones too."""
    hour = sample.hour(HOUR.start)
    output = Output(timestamp_format=TimestampFormat.AMPLITUDE, extra_keys=extra)
    seen = KeySet()
    for landing, truth in zip(
        landed(hour, DataType.EVENTS, chunk_bytes), (hour.truth(), hour.late_truth()), strict=True
    ):
        stream = replace(EVENTS, source_id=sample.project_id)
        reading = Reading(codec_of(stream, HOUR, output, read=()), landing, seen)
        reading.agrees_with(truth)
        keep = extra is ExtraKeys.KEEP
        records = [
            record | as_exported(record, sample.project_id) for record in truth.records(extra_keys=keep)
        ]
        assert [row["uuid"] for row in reading.records] == list(truth.event_ids())
        assert reading.records == records


@settings(max_examples=20)
@given(samples, chunk_sizes)
def test_every_merge_of_an_hour_is_exported_or_accounted_for(sample: Sample, chunk_bytes: int) -> None:
    """In order, every one, also those that come twice."""
    hour = sample.hour(HOUR.start)
    truth = hour.truth(DataType.MERGED_IDS)
    landing, _ = landed(hour, DataType.MERGED_IDS, chunk_bytes)
    reading = Reading(MergedIdCodec(HOUR), landing, KeySet())

    reading.agrees_with(truth)
    assert reading.records == list(truth.records())


@pytest.mark.parametrize("chunk_bytes", [4096, 1 << 22])
def test_a_line_of_ten_megabytes_is_a_row_like_any_other(chunk_bytes: int) -> None:
    """Among all other faults."""
    hour = Sample(events_per_hour=10, faults=frozenset(Fault)).hour(HOUR.start)
    landing, _ = landed(hour, DataType.EVENTS, chunk_bytes)
    reading = Reading(codec_of_events(), landing, KeySet())

    reading.agrees_with(hour.truth())
    assert max(len(json.dumps(row["event_properties"])) for row in reading.records) > 9_000_000
    assert reading.counts != RowCounts()
