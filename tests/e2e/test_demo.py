"""``make run``: the demo exports a day and prints its files."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local import azurite

PROJECT = Path(__file__).resolve().parents[2]
# A line of the table: hour, data type, file, rows, bytes.
FILE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d) +(events|merged_ids) +(\S+\.json\.gz) +(\d+) +([\d,]+)")


@pytest.mark.parametrize(
    "options", [(), pytest.param(("--source",), marks=pytest.mark.slow)], ids=["landed", "pulled"]
)
def test_the_demo_exports_a_day_and_shows_its_files(options: tuple[str, ...]) -> None:
    """Exit code 0; in plain lines, a file with rows for each of 24 hours and both data types."""
    port = azurite.free_ports(1)[0]
    command = [sys.executable, "-m", "infra.local.demo", "--once", "--port", str(port), *options]

    demo = subprocess.run(  # noqa: S603  our own command
        [*command, "--events-per-hour", "100"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert demo.returncode == 0, demo.stdout[-2000:] + demo.stderr
    found = [match.groups() for match in map(FILE.fullmatch, demo.stdout.splitlines()) if match]
    assert len(found) == len({name for _, _, name, _, _ in found}) == 48
    assert len({(hour, data_type) for hour, data_type, *_ in found}) == 48
    assert all(int(rows) > 0 for *_, rows, _ in found)
    assert "Every row that was landed is accounted for" in demo.stdout
    assert ("24 hours pulled" in demo.stdout) is bool(options)
