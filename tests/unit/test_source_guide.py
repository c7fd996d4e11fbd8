"""docs/sources.md agrees with the code."""

import re
from pathlib import Path

from exporter.domain import pulls, source
from exporter.settings import PULL_CONCURRENCY_DEFAULT, PULL_CONCURRENCY_MAX
from exporter.sources.unpack import AGAIN, KEYS_MAX, PREFIX
from tests.support.documents import table

PROJECT = Path(__file__).resolve().parents[2]
GUIDE = (PROJECT / "docs/sources.md").read_text()
FAULTS = ("exporter/sources/faults.py", "exporter/storage/customer/export_api.py")


def test_every_error_of_a_source_is_in_the_guide_and_every_one_in_the_guide_is_there() -> None:
    """By its code."""
    texts = [(PROJECT / name).read_text() for name in FAULTS]
    codes = {code for text in texts for code in re.findall(r'(?:code=|Fault\(\s*)"([a-z_]+)"', text)}
    rows = table(GUIDE, "| `code` | What it means | What happens, and what to do |")

    assert codes
    assert {cells[0].strip("`") for cells in rows} == codes


def test_the_guide_names_the_limits_of_the_code() -> None:
    """Times, numbers and names."""
    assert source.LAG_MINUTES_DEFAULT == 120
    assert "`lag_minutes` after its end, 120 by default" in GUIDE
    assert source.REPULL_HOURS_DEFAULT == (24, 72)
    assert "24 and 72 hours after it was closed" in GUIDE
    assert (pulls.WAIT_EVERY.total_seconds(), pulls.EMPTY_AFTER.total_seconds()) == (30 * 60, 4 * 3600)
    assert "asked for again every 30 minutes, and `empty` four hours after it" in GUIDE
    assert pulls.FAILING_MIN == 5
    assert "after five failures in a row the source is `failing`" in GUIDE
    assert (PULL_CONCURRENCY_DEFAULT, PULL_CONCURRENCY_MAX) == (2, 4)
    assert "`PULL_CONCURRENCY`, 2 by default and 4 at most" in GUIDE
    assert f"keys of up to {KEYS_MAX:,} rows are compared in memory" in GUIDE
    assert f"/{PREFIX}187520_2026-11-01_5-627.json.gz" in GUIDE
    assert f"/{AGAIN}2026-11-01T05-2-1.json.gz" in GUIDE
