from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.local.sample import DataType, Digest, Fault, Sample, TimeFormat, Truth, number_of
from tests.support import landing_reader as reader

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
EVERYTHING = frozenset(Fault)
SAMPLES = {
    "clean": Sample(events_per_hour=400),
    "faulty": Sample(events_per_hour=400, faults=EVERYTHING),
    "faulty and large enough for faults to come again": Sample(events_per_hour=5000, faults=EVERYTHING),
    "faulty, tiny": Sample(events_per_hour=10, merges_per_hour=1, faults=EVERYTHING),
    "faulty, in one blob": Sample(events_per_hour=200, blobs_per_hour=1, faults=EVERYTHING),
    "faulty, in many blobs": Sample(events_per_hour=200, blobs_per_hour=100, faults=EVERYTHING),
    "faulty, plain": Sample(events_per_hour=200, gzip_level=0, faults=EVERYTHING),
    "faulty, with all kinds of times": Sample(
        events_per_hour=400, time_format=TimeFormat.MIXED, faults=EVERYTHING
    ),
    "faulty, with ISO times": Sample(events_per_hour=400, time_format=TimeFormat.ISO8601, faults=EVERYTHING),
    "in the shape of real rows": Sample(events_per_hour=400, real_shaped=True),
    "in the shape of real rows, faulty": Sample(events_per_hour=200, real_shaped=True, faults=EVERYTHING),
    "without events": Sample(events_per_hour=0),
}
each_sample = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
each_type = pytest.mark.parametrize("data_type", DataType)


def agree(truth: Truth, reading: reader.Reading) -> None:
    """Fail unless the expected export and the slow reader agree on every row."""
    assert truth.counts() == reading.counts()
    assert list(truth.event_ids()) == reading.ids
    assert [(line.blob, line.line_number, line.line) for line in truth.rejected()] == reading.rejected
    assert [(line.blob, line.line_number, line.line) for line in truth.amended()] == reading.amended
    for true, read in zip(truth.records(), reading.records, strict=True):
        assert timed(true) == read
    digest = Digest()
    for identity in reversed(reading.ids):
        digest = digest.add(number_of(identity))
    assert truth.digest() == digest


def timed(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record with datetimes as times, as the slow reader has them."""
    return {
        key: reader.moment(value) if key in reader.TIMES.split() and value is not None else value
        for key, value in record.items()
    }


@each_type
@each_sample
def test_the_truth_agrees_with_a_naive_reading_of_the_files(sample: Sample, data_type: DataType) -> None:
    """Counts, ids in landing order, records and rejected lines: everything that tests expect of an export."""
    hour = sample.hour(NOON)

    reading = reader.read(hour.files(data_type), NOON, sample.project_id)

    agree(hour.truth(data_type), reading)


@each_type
def test_the_truth_of_late_files_is_what_they_add(data_type: DataType) -> None:
    """Rows that the hour already has are duplicates, wherever the late file sorts."""
    hour = SAMPLES["faulty"].hour(NOON)
    reading = reader.read(hour.files(data_type), NOON, SAMPLES["faulty"].project_id)

    late = reader.read(
        hour.late_files(data_type),
        NOON,
        SAMPLES["faulty"].project_id,
        reader.Reading(seen=reading.seen),
    )

    agree(hour.late_truth(data_type), late)


@each_type
def test_read_together_the_late_files_change_no_total(data_type: DataType) -> None:
    """An hour that is exported again with its late files has the rows of both, once."""
    hour = SAMPLES["faulty"].hour(NOON)
    both = [*hour.files(data_type), *hour.late_files(data_type)]

    reading = reader.read(both, NOON, SAMPLES["faulty"].project_id)

    truth, late = hour.truth(data_type), hour.late_truth(data_type)
    assert truth.counts() + late.counts() == reading.counts()
    assert sorted([*truth.event_ids(), *late.event_ids()]) == sorted(reading.ids)
    digest = Digest()
    for identity in reading.ids:
        digest = digest.add(number_of(identity))
    assert truth.digest() + late.digest() == digest


def test_rejected_rows_share_uuids_with_rows_that_are_exported() -> None:
    """A rejected line does not count as the first occurrence. The data would reveal such an exporter."""
    hour = SAMPLES["faulty"].hour(NOON)
    exported = set(hour.truth().event_ids())

    twins = [line for line in hour.truth().rejected() if any(each.encode() in line.line for each in exported)]

    assert {Fault.OUTSIDE_HOUR, Fault.MISTYPED_FIELD, Fault.MISSING_FIELD} <= {line.fault for line in twins}


def test_duplicates_differ_from_the_row_that_counts() -> None:
    """Some have other content, so that an export with the wrong one is detected."""
    hour = SAMPLES["faulty"].hour(NOON)

    again = [
        file
        for file in hour.files(DataType.EVENTS)
        if b"uploaded_again" in reader.unpacked(file.content())[0]
    ]

    assert again
    assert all(record["event_type"] != "uploaded_again" for record in hour.truth().records())


def test_extra_keys_are_in_the_truth_only_on_request() -> None:
    """By default a record has the 49 keys and no other."""
    sample = replace(SAMPLES["clean"], extra_keys=True)
    truth = sample.hour(NOON).truth()

    assert all(sorted(record) == reader.KEYS for record in truth.records())
    assert any("$insert_key" in record for record in truth.records(extra_keys=True))
