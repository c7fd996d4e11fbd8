import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from infra.local.sample import DataType, Fault
from infra.local.sample.writers import Folder, write
from infra.local.stack import PROJECT
from tests.bench import (
    answers,
    backfill,
    chain,
    cold_start,
    components,
    files,
    hard_lines,
    hours,
    naive,
    scale,
    sink,
    ticks,
)
from tests.bench.emulator import Request, request_in
from tests.bench.fleet import Fleet, Steps, simulate
from tests.bench.goals import Goal, show_goals
from tests.bench.hour import Measured, Shape, measure
from tests.bench.lab import HOUR, PROJECT_ID
from tests.bench.memory import PeakWatch, kernel_account
from tests.bench.readback import digest_of
from tests.bench.tables import MB, table

TINY = Shape(events=400, blobs=2)
# Allocates 100 MB, frees it, prints a line, and waits for its end.
_GREEDY = "import time; x = bytearray(100_000_000); time.sleep(0.2); del x; print(flush=True); input()"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """Export one tiny hour through the real app."""
    return measure(TINY, tmp_path_factory.mktemp("bench"), processes=1)


@pytest.fixture
def landed(tmp_path: Path) -> list[Path]:
    """Land the files of a tiny hour in a folder."""
    names = [file.name for file in write(Folder(tmp_path), [TINY.landing()])]
    return [tmp_path / name for name in names]


def rows(part: Path) -> list[object]:
    """Return the rows of a file."""
    with gzip.open(part) as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize("floor", [chain.recompress, chain.recompress_in_parallel])
def test_a_floor_keeps_the_content(
    floor: Callable[[list[Path], Path], int], landed: list[Path], tmp_path: Path
) -> None:
    """Bytes that are not exported: nothing is checked."""
    target = tmp_path / "floor.gz"
    floor(landed, target)

    assert gzip.decompress(target.read_bytes()) == b"".join(
        gzip.decompress(each.read_bytes()) for each in landed
    )


def test_an_hour_through_the_app_is_measured_whole(measured: Measured) -> None:
    """Its rows are counted and compared with the generator's, and every number is there."""
    assert hours.problems(measured) == []
    assert measured.rows.exported == TINY.landing().truth().counts().exported
    assert measured.raw_bytes > measured.landed_bytes > measured.part_bytes > 0
    assert 0 < measured.memory_before <= measured.memory_peak
    assert measured.wall > 0
    assert measured.cpu > 0


def test_calls_to_storage_are_counted(measured: Measured) -> None:
    """One part and one marker, staged and committed; a read for each blob. Its own requests do not count."""
    assert measured.calls["customer", "commit"] == 2
    assert measured.calls["customer", "stage a block"] == 2
    assert measured.calls["customer", "write"] == 0
    assert measured.calls["landing", "list"] == 1
    assert measured.calls["landing", "read"] == measured.blobs


def test_what_does_not_hold_is_named(measured: Measured) -> None:
    """A peak that is too high, and an hour of which something is missing."""
    wrong = replace(measured, memory_peak=hours.PEAK_BYTES_MAX, whole=False)
    peak, missing = hours.problems(wrong)
    assert "300 MB" in peak
    assert "each event once" in missing


def test_the_tables_have_their_rows(measured: Measured, capsys: pytest.CaptureFixture[str]) -> None:
    """As they are printed for a terminal."""
    hours.show_memory([measured])
    hours.show_throughput([measured])
    hours.show_calls(measured)
    components.show_components(measured, measured, measured)
    printed = capsys.readouterr().out
    assert printed.count("| 400 events in 2 blobs |") == 2
    assert {goal.number for goal in hours.goals(measured, measured)} == {4, 7}
    assert "| pass" in printed
    assert "| customer | commit" in printed
    assert "| libraries and app, before the hour" in printed


def test_a_lost_event_changes_the_digest() -> None:
    """So the benchmark notices a lost row."""
    lines = [b'{"uuid":"00000000-0000-4000-8000-%012d"}' % number for number in range(3)]
    assert digest_of(lines) != digest_of(lines[1:])


@pytest.mark.parametrize("account", [kernel_account, lambda _pid: None], ids=["kernel", "polled"])
def test_the_peak_of_a_child_is_seen(account: Callable[[int], int | None]) -> None:
    """Even after it has freed the memory, and where the kernel has no value."""
    with (
        subprocess.Popen(
            [sys.executable, "-c", _GREEDY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child,
        PeakWatch(child.pid, account) as watch,
    ):
        assert child.stdout
        child.stdout.readline()
        assert watch.peak() > 100 * MB > watch.now()
        child.communicate(b"\n")


def test_the_plain_way_comes_to_the_same_rows(landed: list[Path], tmp_path: Path) -> None:
    """The same rows, value by value, in the same order: otherwise it is no baseline."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    chain.export(landed, ours, PROJECT_ID, HOUR.key, options=chain.OPTIONS["ours"])
    naive.export(landed, theirs, PROJECT_ID, HOUR.key)
    assert Fault.NOT_JSON in TINY.landing().recipe.faults
    assert len(rows(ours)) == TINY.landing().truth(DataType.EVENTS).counts().exported
    assert rows(ours) == rows(theirs)


@pytest.mark.slow
def test_every_way_and_step_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In processes of their own, with sizes and peaks; peers if they are installed."""
    found = files.compare(tmp_path, 100, 1)
    files.show_ways(found, 100)
    files.show_steps(found, 100)
    goals = files.goals(found)
    show_goals(goals)
    printed = capsys.readouterr().out
    assert found.same
    for name in ("ours", "gzip + json", "floor", "ours, passthrough", *chain.STEPS, "all"):
        assert f"| {name}" in printed
    assert min(run.peak for runs in found.runs.values() for run in runs) > 5 * MB
    assert {goal.number for goal in goals} >= {1, 3, 5, 6}
    assert found.sizes["filtered, one core"] < found.sizes["ours"] < found.sizes["fast"]
    assert found.sizes["sink"] == 0


@pytest.mark.parametrize("way", chain.OPTIONS)
def test_each_option_exports_what_it_is_about(way: str, landed: list[Path], tmp_path: Path) -> None:
    """All rows, or the few that a filter keeps."""
    exported = chain.export(landed, tmp_path / way, PROJECT_ID, HOUR.key, options=chain.OPTIONS[way])
    everything = TINY.landing().truth(DataType.EVENTS).counts().exported

    assert len(rows(tmp_path / way)) == exported
    assert 0 < exported < everything / 5 if way == "filtered" else exported == everything


def test_a_sink_takes_what_the_real_client_sends() -> None:
    """Large bodies and small ones, on one connection after the other."""
    with sink.running() as connection_string:
        account = BlobServiceClient.from_connection_string(connection_string)
        with account, account.get_blob_client("raw", "a") as blob:
            for number, size in enumerate((0, 1, 5_000_000, 300_000)):
                blob.stage_block(f"{number:03}", bytes(size), length=size)


def test_a_goal_says_whether_it_is_met() -> None:
    """Between its bounds, bounds included."""
    assert Goal(1, "a", 5, least=5).met
    assert not Goal(1, "a", 4.9, least=5).met
    assert Goal(1, "a", 25, most=25).met
    assert not Goal(1, "a", 26, most=25).met
    assert Goal(1, "a", 26, least=1, most=25).asked == "at least 1 and at most 25"


def test_goals_are_shown_with_what_stands_in_their_way(capsys: pytest.CaptureFixture[str]) -> None:
    """Only for goals that are not met."""
    show_goals([Goal(2, "b", 1, least=2, short="too far"), Goal(1, "a", 3, least=2, short="nothing")])
    printed = capsys.readouterr().out

    assert printed.index("| a") < printed.index("| b")
    assert "no: too far" in printed
    assert "nothing" not in printed


def test_the_calls_of_ticks_are_counted() -> None:
    """They grow with what is owed."""
    calls = ticks.calls_of_ticks(10)

    assert calls[0] < calls[1] < calls[10]
    assert calls[0] == ticks.calls_of_ticks(1)[0]


@pytest.mark.slow
def test_a_hard_line_takes_a_few_times_its_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """However many escapes it has, and also if it is rejected."""
    worst = {name: line for name, line in hard_lines.LINES.items() if "escapes" in name or "UTF-8" in name}
    found = hard_lines.peaks(tmp_path, worst)
    hard_lines.show_lines(found)
    printed = capsys.readouterr().out
    for name, (peak, without) in found.items():
        assert f"| {name}" in printed
        assert 10 * MB < peak - without < 120 * MB, name


def test_cold_start_is_told_stage_by_stage() -> None:
    """The imports of the app cost time, and the packages of the modules are known."""
    stages, packages = cold_start.stages_of(1), cold_start.packages_of(1)
    assert set(stages) == {*cold_start.STAGES, *cold_start.IDENTITY}
    assert stages["function_app"] > 0
    assert {"exporter", "azure.functions", "azure.storage.blob", "standard library"} <= set(packages)


def test_a_request_is_recognised_by_its_first_line() -> None:
    """Its container, queue or table is the place; a piece of a body is no request."""
    head = b"PUT /account/year/187520_2026-01-31_13%231.json.gz?comp=block&blockid=x HTTP/1.1\r\nHost: a"
    found = request_in(head)
    assert found is not None
    assert (found.place, found.purpose) == ("year", "stage a block")
    assert request_in(b"GET /devstoreaccount1/ledger(PartitionKey='a',RowKey='b') HTTP/1.1\r\n") == Request(
        "GET", "ledger", "(PartitionKey='a',RowKey='b')"
    )
    assert request_in(b'{"a": 1}\r\nGET /a/b HTTP/1.1\r\n') is None


@pytest.mark.slow
def test_a_backfill_from_afar_is_measured(tmp_path: Path) -> None:
    """By the hours a second, and by the calls of an hour, which the proxy counts."""
    ran = backfill.measure(tmp_path, hours=6, away_seconds=0.005)

    calls = ran.calls()
    assert calls["customer", "commit"] == 2 * ran.hours
    assert calls["table ledger", "write"] >= 2 * ran.hours
    assert 0 < ran.hours_a_second < 1 / 0.005
    assert 0.005 < ran.call < 1
    assert backfill.simulated(ran, idle=True) > backfill.simulated(ran) > 0


def test_a_fleet_is_simulated_to_its_end() -> None:
    """Each hour is done once; with more cores sooner, and never sooner than its CPU time on all cores."""
    fleet, steps = Fleet(streams=500, events_an_hour=5e7, instances_max=4), Steps()
    few, many = simulate(fleet, steps), simulate(replace(fleet, instances_max=16), steps)

    assert len(few.done) == len(many.done) >= fleet.streams
    assert sum(fleet.sizes()) == pytest.approx(fleet.events_an_hour)
    cpu = fleet.events_an_hour * steps.event_cpu + len(few.done) * steps.hour_cpu
    assert cpu / 4 <= few.done_after(1.0) < 1.5 * cpu / 4 + 60
    assert cpu / 16 <= many.done_after(1.0) < few.done_after(1.0)
    assert (few.instances, many.instances) == (4, 16)
    assert 0 < scale.used(few)["Gbit/s out of an account"] < scale.used(many)["Gbit/s out of an account"]


def test_the_limits_of_the_guide_are_those_of_the_simulation() -> None:
    """Each with its value and its source."""
    lines = (PROJECT / "docs/scale.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "learn.micro" in line]

    assert {name: int(value.replace(",", "")) for name, value, _ in rows} == scale.LIMITS


def test_the_simulation_of_one_instance_is_bound_by_calls_or_by_its_core() -> None:
    """As can be calculated: twelve hours wait for storage at once, and one computes."""
    fleet = Fleet(streams=240, events_an_hour=0.0, instances_max=1, spread=0.0, ticked=False)
    calls = 8 + 6 + 1
    far = Steps(call=0.1, hour_cpu=0.001, start=0.0)
    slow = Steps(call=0.001, hour_cpu=0.2, start=0.0)

    assert fleet.streams / simulate(fleet, far).done_after(1.0) == pytest.approx(12 / (0.1 * calls), rel=0.1)
    assert fleet.streams / simulate(fleet, slow).done_after(1.0) == pytest.approx(5, rel=0.1)


def test_numbers_of_a_table_are_aligned() -> None:
    """Text to the left, numbers to the right."""
    assert table(("what", "MB"), [("a", "1.5"), ("bc", "1,000")]).splitlines() == [
        "| what |    MB |",
        "| ---- | ----: |",
        "| a    |   1.5 |",
        "| bc   | 1,000 |",
    ]


def test_answers_of_the_api_are_measured() -> None:
    """With their time and their size, which is that of the JSON."""
    page, paused, summary, days, listed, owing = answers.measure(60, 48)

    assert all(each.seconds > 0 for each in (page, paused, summary, days, listed, owing))
    assert owing.size == pytest.approx(page.size, rel=0.1)
    assert paused.size < page.size
    assert days.size < summary.size < listed.size
