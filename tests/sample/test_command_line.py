import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient

from infra.local.sample import Fault, Sample, TimeFormat
from infra.local.sample.__main__ import STORAGE_SETTING, main
from infra.local.sample.times import last_closed_hours

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
FROM_NOON = ["--from", "2026-01-31T12", "--rate", "20"]


def test_it_writes_hours_into_a_folder_and_says_how_much(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each hour and data type, and the totals; both ends are inclusive."""
    assert main([*FROM_NOON, "--to", "2026-01-31T13", "--folder", str(tmp_path)]) == 0

    *_, first_of_totals, last = capsys.readouterr().out.splitlines()
    assert first_of_totals.split()[:7] == ["total", "events", "6", "40", "40", "0", "0"]
    assert last.split()[:4] == ["total", "merged_ids", "2", "2"]
    for file in Sample(events_per_hour=20).hour(NOON):
        assert (tmp_path / file.name).read_bytes() == file.content()
    assert (tmp_path / "events/187520/2026/01/31/13").is_dir()


def test_a_long_range_is_summed_up_by_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A month would be too long a table."""
    assert main([*FROM_NOON, "--to", "2026-02-02T13", "--folder", str(tmp_path)]) == 0

    assert capsys.readouterr().out.count("\n") == 1 + 2 * 3 + 2


def test_every_dial_has_an_option(tmp_path: Path) -> None:
    """Projects, sizes, faults by name and by the start of a name, times, keys, compression, processes."""
    options = "--project 7 --org 8 --seed 9 --merges 3 --blobs 4 --fault dup --fault crlf --extra-keys"
    more = "--time-format iso8601 --gzip-level 6 --processes 2"

    assert main([*FROM_NOON, *options.split(), *more.split(), "--folder", str(tmp_path)]) == 0

    sample = Sample(
        project_id=7,
        org_id=8,
        seed=9,
        events_per_hour=20,
        merges_per_hour=3,
        blobs_per_hour=4,
        faults=frozenset({Fault.DUPLICATES_IN_BLOB, Fault.DUPLICATES_ACROSS_BLOBS, Fault.CRLF}),
        time_format=TimeFormat.ISO8601,
        extra_keys=True,
        gzip_level=6,
    )
    for file in sample.hour(NOON):
        assert (tmp_path / file.name).read_bytes() == file.content()


def test_late_files_are_written_later(tmp_path: Path) -> None:
    """With ``--late`` only they are written."""
    assert main([*FROM_NOON, "--fault", "late-blob", "--late", "--folder", str(tmp_path)]) == 0

    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 4


def test_it_fills_a_container_that_the_environment_names(
    container: ContainerClient, connection_string: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Like the app's own storage. A missing container is created."""
    monkeypatch.setenv(STORAGE_SETTING, connection_string)

    assert main([*FROM_NOON, "--container", container.container_name]) == 0
    assert main([*FROM_NOON, "--container", f"{container.container_name}-new"]) == 0

    assert len(list(container.list_blob_names())) == 4


def test_it_fills_the_storage_of_the_local_settings_with_the_newest_closed_hours(
    container: ContainerClient, connection_string: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``make sample`` does: the settings of ``make start``, unless the environment names a storage."""
    monkeypatch.delenv(STORAGE_SETTING, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "local.settings.json").write_text(
        json.dumps({"Values": {STORAGE_SETTING: connection_string}})
    )

    before = datetime.now(UTC)  # noqa: TID251  the newest hours depend on the clock
    assert main(["--last", "3", "--rate", "20", "--container", container.container_name]) == 0
    after = datetime.now(UTC)  # noqa: TID251  as above

    hours = {name.rpartition("/")[0] for name in container.list_blob_names(name_starts_with="events/")}
    expected = [
        {f"events/187520/{each:%Y/%m/%d/%H}" for each in last_closed_hours(now, 3)} for now in (before, after)
    ]
    assert hours in expected


def test_the_newest_closed_hour_ended_ten_minutes_ago() -> None:
    """The default of SETTLE_MINUTES; oldest first."""
    assert last_closed_hours(NOON + timedelta(minutes=9), 2) == [
        NOON - timedelta(hours=each) for each in (3, 2)
    ]
    assert last_closed_hours(NOON + timedelta(minutes=10), 1) == [NOON - timedelta(hours=1)]


@pytest.mark.parametrize("options", [[], [*FROM_NOON, "--last", "3"]])
def test_hours_are_either_named_or_the_newest(
    options: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Neither both nor none."""
    assert main([*options, "--folder", str(tmp_path)]) == 64

    assert "one of --from and --last" in capsys.readouterr().err


def test_the_connection_string_is_never_printed(
    capfd: pytest.CaptureFixture[str], connection_string: str
) -> None:
    """Not in the table, and not in an error."""
    key = connection_string.partition("AccountKey=")[2][:20]
    arguments = [*FROM_NOON, "--connection-string", connection_string]

    assert main([*arguments, "--container", "printed"]) == 0
    assert main([*arguments, "--container", "Not_A_Name"]) == 69
    assert main([*FROM_NOON, "--connection-string", f"AccountKey={key}", "--container", "none"]) == 64

    printed = "".join(capfd.readouterr())
    assert "InvalidResourceName" in printed
    assert key not in printed


def test_all_that_is_wrong_is_said_at_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its option, and no file is written."""
    monkeypatch.delenv(STORAGE_SETTING, raising=False)
    options = "--from noon --to 2026-01-31T25 --rate 16000000 --seed x --fault gremlins --processes 0 --late"

    assert main([*options.split(), "--container", "landing"]) == 64

    said = capsys.readouterr().err
    for word in (
        "--from is 'noon'",
        "--to",
        "events_per_hour is 16000000",
        "--seed",
        "gremlins",
        "--processes",
    ):
        assert word in said
    assert "--late needs" in said
    assert STORAGE_SETTING in said


def test_the_last_hour_may_not_be_before_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder must not be a file."""
    (tmp_path / "file").touch()

    assert main([*FROM_NOON, "--to", "2026-01-31T11", "--folder", str(tmp_path / "file")]) == 64

    said = capsys.readouterr().err
    assert "--to is before --from" in said
    assert "is not a folder" in said
