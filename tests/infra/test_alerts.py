"""The alert queries, run over the log of the exporter: each fires on its incident only."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import azure.functions as func
import pytest

from exporter.domain.errors import Fault
from exporter.domain.signatures import EXPIRES_SOON
from exporter.notify.log_events import Event, log_event
from exporter.queues import pull
from exporter.queues.poison import record_hour
from tests.infra.kql import run
from tests.infra.queries import PROJECT, alerts, charts, examples
from tests.infra.telemetry import (
    TICKS_EVERY,
    Telemetry,
    a_healthy_world,
    an_installation_without_landing,
    collected,
    live,
    pull_an_hour_and_fail,
)
from tests.support.fakes.world import World
from tests.support.pulling import HOUR, Pulling, answer, event
from tests.support.worlds import EVENTS, NOW

ALERTS = {each.name: each for each in alerts()}
GONE = Fault("container_not_found", "There is no container raw.", "Create it.")
# Long enough after the first tick that no alert window contains its many exported hours.
SETTLED = NOW + timedelta(hours=2)


def firing(telemetry: Telemetry, at: datetime) -> set[str]:
    """Return the alerts that fire at a time."""
    return {
        name
        for name, each in ALERTS.items()
        if each.fires(len(run(each.query, telemetry.within(at, each.window))))
    }


@dataclass(slots=True)
class Life:
    """A healthy exporter, and its telemetry up to now."""

    world: World
    telemetry: Telemetry

    def on(self, minutes: int, *, workers: bool = True) -> None:
        """Advance the clock by minutes."""
        live(self.world, self.telemetry, self.telemetry.now + timedelta(minutes=minutes), workers=workers)

    @property
    def firing(self) -> set[str]:
        """The alerts that fire now."""
        return firing(self.telemetry, self.telemetry.now)


def lived(then: Callable[[Life], None], rejected_of_a_hundred: int = 0) -> set[str]:
    """Return the alerts that fire after an incident at a healthy exporter."""
    with collected() as telemetry:
        life = Life(a_healthy_world(rejected_of_a_hundred), telemetry)
        live(life.world, telemetry, SETTLED)
        then(life)
        return life.firing


def test_all_alerts_are_silent_while_every_hour_is_exported() -> None:
    """At any time during three hours of exports."""
    with collected() as telemetry:
        live(a_healthy_world(rejected_of_a_hundred=1), telemetry, SETTLED + timedelta(hours=3))

    assert sum(row["message"].startswith("hour exported ") for row in telemetry.traces) > 15
    for look in range(1, 36):
        assert firing(telemetry, SETTLED + look * (TICKS_EVERY - timedelta(seconds=1))) == set()


def test_a_stream_that_is_not_exported_fires_once_it_is_two_hours_behind() -> None:
    """No worker takes the queued hours."""
    assert lived(lambda life: life.on(150, workers=False)) == set()
    assert lived(lambda life: life.on(190, workers=False)) == {"behind"}


def test_a_failing_destination_fires_at_the_second_tick() -> None:
    """The customer's container is missing when the next hour is closed."""

    def closed(life: Life) -> None:
        life.world.reader().faults = dict.fromkeys(("list", "read", "write", "delete"), GONE)
        life.on(65)

    def closed_and_repaired(life: Life) -> None:
        closed(life)
        life.world.reader().faults.clear()
        life.on(60)

    assert lived(closed) == {"failing"}
    assert lived(closed_and_repaired) == set()


def pulled(telemetry: Telemetry, pulling: Pulling, minutes: int) -> None:
    """Let the timer of a source fire every five minutes, and its hours be pulled."""
    for _ in range(minutes // 5):
        pulling.wait(minutes=5)
        telemetry.now += TICKS_EVERY
        telemetry.function = "pull_tick"
        pull.log_pull_tick(pulling.tick())
        telemetry.function = "pull_hour"
        pulling.run()


def of_sources(*answers: object, then: tuple[object, ...] = (), minutes: int = 15) -> list[set[str]]:
    """Return the alerts about sources that fire while the API answers so, and after other answers."""
    with collected() as telemetry:
        pulling, found = Pulling(), []
        for each in (answers, then):
            pulling.answers(*each)
            pulled(telemetry, pulling, minutes)
            found.append(firing(telemetry, telemetry.now) & {"pulling", "unpulled"})
            minutes = 4 * 60
            pulling.wait(minutes=2)
    return found


def test_a_failing_source_fires_at_the_second_tick_and_heals() -> None:
    """Its keys are refused, at once; an API that does not answer is failing after five times."""
    rows = answer([event(1)])
    assert of_sources(401, then=(rows,)) == [{"pulling"}, set()]
    assert of_sources(503, then=(rows,)) == [set(), set()]
    assert of_sources(503, then=(rows,), minutes=60) == [{"pulling"}, set()]


def test_an_hour_of_a_source_that_has_failed_fires_until_it_is_pulled() -> None:
    """It is too large: the source is not failing, and yet its project gets no later hour."""
    with collected() as telemetry:
        pulling = Pulling()
        pulling.answers(400)
        pulled(telemetry, pulling, 10)
        failed = firing(telemetry, telemetry.now) & {"pulling", "unpulled"}
        pulling.answers(answer([event(1)]))
        pulling.pull_on_request(HOUR)
        pulled(telemetry, pulling, 40)
        healed = firing(telemetry, telemetry.now) & {"pulling", "unpulled"}
        lines = [row["message"] for row in telemetry.traces if row["message"].startswith("source hours")]

    assert (failed, healed) == ({"unpulled"}, set())
    assert lines[0] == f'source hours failed {{"source":"acme","hours":1,"oldest":"{HOUR.key}"}}'


def test_a_queue_message_that_is_given_up_fires() -> None:
    """Here, an unreadable message."""

    def poisoned(life: Life) -> None:
        life.telemetry.function = "export_hour_poison"
        record_hour(func.QueueMessage(body=b"\xff"), "export-hours", lambda: life.world.gateways)

    def poisoned_an_hour_ago(life: Life) -> None:
        poisoned(life)
        life.on(60)

    assert lived(poisoned) == {"poison"}
    assert lived(poisoned_an_hour_ago) == set()


@pytest.mark.parametrize(("rejected", "fired"), [(1, set()), (2, {"rejected"})])
def test_rejected_rows_fire_beyond_one_in_a_hundred(rejected: int, fired: set[str]) -> None:
    """In the hours that were exported within the last hour."""
    assert lived(lambda life: life.on(10), rejected) == fired


def test_a_stored_row_that_cannot_be_read_fires() -> None:
    """Here, the schedule of a stream; the alert ends when the row can be read again."""

    def spoiled(life: Life) -> None:
        life.world.schedule.spoil(EVENTS)
        life.on(5)

    def spoiled_and_mended(life: Life) -> None:
        spoiled(life)
        life.world.schedule.mend()
        life.on(20)

    assert lived(spoiled) == {"unreadable"}
    assert lived(spoiled_and_mended) == set()


def test_a_signature_that_expires_soon_fires() -> None:
    """Two weeks before; the alert ends with a new signature."""

    def expiring(life: Life, after: timedelta) -> None:
        found = life.world.destinations.get("acme")
        assert found is not None
        credentials = replace(found.value.credentials, expires_at=life.telemetry.now + after)
        life.world.destinations.put(replace(found.value, credentials=credentials), found.etag)
        life.on(20)

    assert lived(lambda life: expiring(life, EXPIRES_SOON)) == {"expiring"}
    assert lived(lambda life: expiring(life, EXPIRES_SOON + timedelta(hours=1))) == set()


def test_a_stopped_exporter_fires_after_15_minutes() -> None:
    """No tick: host or timer does not run."""

    def stopped(life: Life) -> None:
        life.telemetry.now += timedelta(minutes=16)

    def stopped_for_a_moment(life: Life) -> None:
        life.telemetry.now += timedelta(minutes=14)

    assert lived(stopped) == {"stopped"}
    assert lived(stopped_for_a_moment) == set()


def test_other_log_lines_fire_nothing() -> None:
    """They do not hide missing ticks."""
    with collected() as telemetry:
        live(a_healthy_world(), telemetry, NOW + TICKS_EVERY)
    template = telemetry.traces[0]
    telemetry.traces = [
        template | {"message": message}
        for message in (
            "Executing 'Functions.tick' (Reason='Timer fired at 2026-01-31', Id=0)",
            "acme:events:187520 2026-01-31T12: exported (attempt 0)",
            "Trigger Details: MessageId: 0, DequeueCount: 5",
            "a poison message",
        )
    ]

    assert firing(telemetry, NOW + TICKS_EVERY) == {"stopped"}


def test_charts_show_what_happened() -> None:
    """Sums by destination and time; every chart has data of a day with many incidents."""
    with collected() as telemetry:
        life = Life(a_healthy_world(rejected_of_a_hundred=2), telemetry)
        life.on(10)
        life.world.reader().faults = {"list": GONE}
        life.on(70)
        life.world.schedule.spoil(EVENTS)
        life.on(5)
        live(an_installation_without_landing(), telemetry, telemetry.now + TICKS_EVERY)
        pull_an_hour_and_fail(telemetry)
        log_event(Event.SECRETS_RENEWED, renewed=7, left=0, unreadable=[])
        log_event(
            Event.CHANGE_MADE, action="pause_destination", destination="acme", key="1a2b", principal="ada"
        )
    tables = telemetry.within(telemetry.now, timedelta(days=1))

    shown = {title: run(query, tables) for title, query in charts().items()}

    assert all(shown.values())
    assert sum(row["sum_rows_exported"] for row in shown["Rows exported"]) == 13 * 98
    assert sum(row["sum_rows_rejected"] for row in shown["Rows rejected"]) == 13 * 2
    exported = life.world.reader().committed
    sizes = sum(len(blob.body) for name, blob in exported.items() if name.endswith(".json.gz"))
    assert sum(row["sum_facts_bytes"] for row in shown["Bytes exported"]) == sizes
    assert {row["code"] for row in shown["Failures by code"]} == {"container_not_found"}
    assert sum(row["ticks"] for row in shown["Ticks"]) == 18
    assert {row["row_key"] for row in shown["Unreadable stored rows"]} == {f"stream / {EVENTS}"}
    assert [row["times"] for row in shown["Created landing containers"]] == [1]
    assert [row["sum_facts_new_rows"] for row in shown["Rows pulled"]] == [2]
    assert {(row["pulled_from"], row["code"]) for row in shown["Failed pulls by code"]} == {
        ("acme", "credentials"),
        ("acme", "too_large"),
    }
    assert [(row["pulled_from"], row["ticks"]) for row in shown["Failing sources"]] == [("acme", 2)]
    (change,) = shown["Changes of destinations and backfills"]
    assert (change["changes"], change["action"], change["principal"]) == (1, "pause_destination", "ada")
    taken = shown["Duration of an hour by step, in seconds, and storage calls"]
    assert {row["destination"]: row["hours"] for row in taken}["acme"] == 13


def test_the_example_of_the_guide_shows_hours() -> None:
    """With their rows and durations."""
    with collected() as telemetry:
        live(a_healthy_world(), telemetry, NOW + TICKS_EVERY)

    example, _ = examples()
    rows = run(example, telemetry.within(telemetry.now, timedelta(days=1)))

    assert {row["facts_hour"] for row in rows} == {f"2026-01-31T{hour:02d}" for hour in range(13)}
    assert {row["facts_rows_exported"] for row in rows} == {100}


def test_the_guide_says_what_each_alert_fires_on() -> None:
    """With the numbers of the templates."""
    documented = {
        "Destination behind": "more than two hours ago",
        "Destination failing": "at two ticks or more within 30 minutes",
        "Source failing": "at two ticks or more within 30 minutes",
        "Hours of a source failed": "a line `source hours failed`, within 30 minutes",
        "Queue message given up": "a line that begins with `poison`, within 15 minutes",
        "Many rows rejected": "more than 1 % of a destination's rows, in hours exported within an hour",
        "Credentials expire": "a line `credentials expire`, within 15 minutes",
        "Stored row unreadable": "a line `row unreadable`, within 15 minutes",
        "Exporter stopped: no tick for 15 minutes": "no line `tick` for 15 minutes",
    }
    guide = (PROJECT / "docs" / "monitoring.md").read_text()

    assert {each.title for each in alerts()} == documented.keys()
    for title, when in documented.items():
        assert re.search(rf"^\| {re.escape(title)} \|.*{re.escape(when)}", guide, re.MULTILINE), title
