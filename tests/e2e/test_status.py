"""``GET /status`` of a running app: the timer, the queues, the settings."""

from datetime import datetime, timedelta

from exporter import __version__
from exporter.messages import WORK_QUEUES
from exporter.pipeline.row_reader import row_reader
from tests.support.installation import Installation, now, ok

SECOND = timedelta(seconds=1)


def test_the_status_shows_the_last_tick_the_queues_and_the_settings(installation: Installation) -> None:
    """Before the first tick there is none; the settings are those in effect, without secrets."""
    with installation.app(SETTLE_MINUTES="7", OUTBOUND_ADDRESSES="20.50.1.2, 20.50.1.4/31") as app:
        new = ok(app.api.get("/status"))
        before = now()
        app.tick()
        ticked = app.until(lambda: ok(app.api.get("/status"))["last_tick"], "the note of the tick")
        found = ok(app.api.get("/status"))

    assert (new["last_tick"], new["version"], new["row_reader"]) == (None, __version__, row_reader())
    assert (new["storage_reached"], new["problems"]) == (True, [])
    assert new["outbound_addresses"] == ["20.50.1.2", "20.50.1.4/31"]
    at = datetime.fromisoformat(ticked["at"])
    assert before - SECOND <= at <= now()
    assert {**ticked, "at": ""} == {
        "at": "",
        "due": 0,
        "queued": 0,
        "behind": 0,
        "failing": 0,
        "failed_parts": 0,
    }
    assert found["queues"] == [{"name": each.name, "waiting": 0, "poison": 0} for each in WORK_QUEUES]
    settings = {each["name"]: each["value"] for each in found["settings"]}
    assert (settings["SETTLE_MINUTES"], settings["LANDING_CONTAINER"]) == ("7", "landing-zone")
    assert installation.settings["SECRETS_KEY"] not in str(found)
