"""A test can move the clock of a running app."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.support.api_calls import draft
from tests.support.clocks import COMPILER, MovableClock
from tests.support.installation import Installation


@pytest.mark.skipif(COMPILER is None, reason="no C compiler makes what sets clocks: install gcc")
def test_hours_pass_for_a_running_app(installation: Installation, tmp_path: Path) -> None:
    """For its worker, too; the storage service, which keeps its own clock, still accepts its calls."""
    clock = MovableClock.new(tmp_path)
    with installation.app(**clock.settings) as app:
        made = []
        for name in ("before", "after"):
            answer = app.api.put(f"/destinations/{name}", draft(installation, name))
            made.append(datetime.fromisoformat(answer.body["created_at"]))
            clock.move(timedelta(hours=5))

    assert timedelta(hours=5) <= made[1] - made[0] < timedelta(hours=5, minutes=1)
