"""A deleted customer's container: the error is shown, others go on, and the export recovers."""

from datetime import timedelta

import pytest

from exporter.domain.hour import Hour
from infra.local.sample import DataType, Sample
from tests.support.customer_files import contents
from tests.support.installation import App, Installation, Json, key_of, stream_key

SAMPLE = Sample(events_per_hour=40, merges_per_hour=0)
EVENTS = (DataType.EVENTS,)


@pytest.mark.slow
def test_a_vanished_container_is_shown_and_heals_while_others_go_on(installation: Installation) -> None:
    """The hour fails with a fix, waits for its back-off, and is exported once the container is back."""
    (start,) = installation.newest_hours(1)
    installation.land(SAMPLE.hour(start))
    with installation.app() as app:
        for name in ("vanishing", "lasting"):
            app.activate(installation.destination(name, SAMPLE, start, EVENTS))
        installation.container("vanishing").delete_container()
        app.tick()

        app.exported("lasting", [start])
        hour = failed_hour(app)
        destination = app.destination("vanishing")

        assert hour["error"]["code"] == "container_not_found"
        assert "az storage container create" in hour["error"]["fix"]
        assert "vanishing" in hour["error"]["message"]
        assert (hour["attempts"], hour["parts"], set(hour["rows"].values())) == (1, [], {0})
        assert destination["status"] == "failing"
        assert destination["last_error"] == hour["error"]
        assert (destination["owed_hours"], destination["last_exported_hour"]) == (
            {"events": 1},
            {"events": None},
        )
        lasting = app.destination("lasting")
        assert (lasting["status"], lasting["last_error"]) == ("active", None)

        # The container is back, but is not tried again before the back-off ends.
        installation.container("vanishing")
        before = ticks(app)
        app.tick()
        app.until(lambda: ticks(app) > before and installation.waiting() == 0, "the tick, and what it queued")
        assert failed_hour(app) == hour

        # Five minutes later.
        key = stream_key("vanishing", SAMPLE)
        found = installation.ledger.get(key, Hour(start))
        assert found is not None
        assert found.value.work.retry_at is not None
        assert found.value.finished_at is not None
        assert found.value.work.retry_at - found.value.finished_at == timedelta(minutes=5)
        installation.let_time_pass(key, start)
        app.tick()
        (healed,) = app.exported("vanishing", [start])
        destination = app.destination("vanishing")

    assert (healed["attempts"], healed["error"]) == (2, None)
    assert (destination["status"], destination["last_error"]) == ("active", None)
    assert destination["last_exported_hour"] == {"events": key_of(start)}
    assert contents(installation.container("vanishing")) == contents(installation.container("lasting"))


def failed_hour(app: App) -> Json:
    """Wait until the hour has failed, and return it."""

    def failed() -> list[Json]:
        hours = app.api.get("/destinations/vanishing/hours").body["hours"]
        return [hour for hour in hours if hour["status"] == "failed"]

    (hour,) = app.until(failed, "the hour has failed")
    return hour


def ticks(app: App) -> int:
    """Return the number of ticks that have ended."""
    return app.log.count("tick: succeeded")
