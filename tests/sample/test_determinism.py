import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from infra.local.sample import DataType, Fault, LandingHour, Sample
from tests.support import landing_reader as reader

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SAMPLE = Sample(events_per_hour=300, faults=frozenset(Fault))


def fingerprint(hour: LandingHour) -> dict[str, str]:
    """Return the checksum of each file, including late ones."""
    files = [*hour.files(), *hour.late_files()]
    return {file.name: hashlib.sha256(file.content()).hexdigest() for file in files}


def rows(sample: Sample) -> bytes:
    """Return an hour's events, whatever blobs they are in."""
    files = sample.hour(NOON).files(DataType.EVENTS)
    return b"".join(reader.unpacked(file.content())[0] for file in files)


def test_an_hour_has_the_same_bytes_every_time() -> None:
    """Generated twice, with another hour in between: hours do not depend on each other."""
    once = fingerprint(SAMPLE.hour(NOON))
    fingerprint(SAMPLE.hour(NOON - HOUR))

    assert fingerprint(SAMPLE.hour(NOON)) == once


def test_a_file_has_the_same_bytes_whether_or_not_others_were_read() -> None:
    """So several processes can generate the files of an hour."""
    *_, last = SAMPLE.hour(NOON).files(DataType.EVENTS)

    assert hashlib.sha256(last.content()).hexdigest() == fingerprint(SAMPLE.hour(NOON))[last.name]
    assert last.content() == b"".join(last.chunks)


def test_another_process_makes_the_same_bytes(tmp_path: Path) -> None:
    """Nothing depends on the order of sets, which differs from process to process."""
    command = [sys.executable, "-m", "infra.local.sample", "--from", "2026-01-31T12", "--rate", "300"]
    subprocess.run(  # noqa: S603 (arguments of our own)
        [*command, "--all-faults", "--folder", str(tmp_path)],
        check=True,
        stdout=subprocess.DEVNULL,
        env={"PYTHONHASHSEED": "7", "PATH": os.defpath},
        cwd=Path(__file__).parents[2],
    )

    for file in SAMPLE.hour(NOON):
        assert (tmp_path / file.name).read_bytes() == file.content()


@pytest.mark.parametrize(
    "other",
    [
        Sample(events_per_hour=300, seed=2).hour(NOON),
        Sample(events_per_hour=300, project_id=7).hour(NOON),
        Sample(events_per_hour=300).hour(NOON + HOUR),
    ],
    ids=["seed", "project", "hour"],
)
def test_another_seed_project_or_hour_has_other_rows(other: LandingHour) -> None:
    """No uuid and no amplitude id of a merge is shared."""
    hour = Sample(events_per_hour=300).hour(NOON)

    for data_type in DataType:
        mine = {each.split(":")[0] for each in hour.truth(data_type).event_ids()}
        assert mine.isdisjoint(each.split(":")[0] for each in other.truth(data_type).event_ids())


def test_the_events_do_not_depend_on_the_number_of_blobs() -> None:
    """So that benchmarks can cut the same hour into 1 or 10,000 blobs."""
    sample = Sample(events_per_hour=300)

    assert {rows(replace(sample, blobs_per_hour=count)) for count in (1, 7, 150, 300)} == {rows(sample)}


@pytest.mark.parametrize("blobs", [1, 2, 100])
def test_an_hour_has_as_many_blobs_as_asked_for(blobs: int) -> None:
    """Named so that they sort in landing order."""
    files = Sample(events_per_hour=300, blobs_per_hour=blobs).hour(NOON).files(DataType.EVENTS)

    names = [file.name for file in files]

    assert len(names) == blobs
    assert names == sorted(names)
    assert names[0] == "events/187520/2026/01/31/12/000000.json.gz"


def test_a_small_hour_has_several_blobs_and_a_large_one_blobs_of_ten_megabytes() -> None:
    """By default, so that every demo exercises more than one blob."""
    small = list(Sample(events_per_hour=10).hour(NOON).files(DataType.EVENTS))
    large = Sample(events_per_hour=1_000_000).hour(NOON).files(DataType.EVENTS)

    assert len(small) == 3
    assert 5_000_000 < sum(map(len, next(large).chunks)) < 12_000_000


@pytest.mark.parametrize(
    "moment",
    [datetime(2026, 1, 31, 12, 30, tzinfo=UTC), NOON.replace(tzinfo=None), NOON.astimezone(timezone(HOUR))],
    ids=["not an hour's start", "no time zone", "another time zone"],
)
def test_only_the_start_of_a_utc_hour_is_an_hour(moment: datetime) -> None:
    """Anything else would land in a folder of another name."""
    with pytest.raises(ValueError, match="not the start of a UTC hour"):
        Sample().hour(moment)


def test_all_that_is_wrong_with_a_sample_is_said_at_once() -> None:
    """With the name of each parameter."""
    with pytest.raises(ValueError, match=r"events_per_hour is 10000001.*gzip_level is 10"):
        Sample(events_per_hour=10_000_001, gzip_level=10)
    with pytest.raises(ValueError, match="faults need at least 10 events"):
        Sample(events_per_hour=9, faults=frozenset({Fault.BOM}))
