"""Log lines with facts, read from the log as a log exporter does."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest

from exporter.domain.breaker import Breaker
from exporter.domain.errors import Fault
from exporter.domain.hour_task import HourTask
from exporter.domain.stream_progress import StreamProgress
from exporter.export.attempt import Outcome
from exporter.notify.log_events import Event
from exporter.pipeline.native.scanner import library
from exporter.schedule.planner import queue_due_hours
from tests.support.worlds import EVENTS, HOUR, NOW, SETTLE, a_world, acme, an_event, attempt

LATER = NOW + timedelta(hours=1)


class Collector(logging.Handler):
    """A log handler that keeps records in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.records.append(record)

    def facts(self, event: Event) -> list[dict[str, object]]:
        """Return the facts of all lines of an event, parsed from their text."""
        texts = [record.getMessage() for record in self.records]
        return [json.loads(text.removeprefix(f"{event} ")) for text in texts if text.startswith(f"{event} ")]


@pytest.fixture
def log() -> Iterator[Collector]:
    """Collect the log of the exporter."""
    log, collector = logging.getLogger("exporter"), Collector()
    level = log.level
    log.addHandler(collector)
    log.setLevel(logging.INFO)
    yield collector
    log.removeHandler(collector)
    log.setLevel(level)


def test_an_exported_hour_is_one_line_with_its_counts_and_durations(log: Collector) -> None:
    """Counts, sizes, seconds by step; no row content."""
    world = a_world()
    rows: list[dict[str, object]] = [
        an_event(1, user_id="somebody@example.net"),
        an_event(2),
        {"uuid": "none"},
    ]
    world.land(EVENTS.stream, HOUR, rows)
    attempt(world)

    (facts,) = log.facts(Event.HOUR_EXPORTED)
    assert facts["destination"] == "acme"
    assert (facts["data_type"], facts["source_id"], facts["hour"]) == ("events", 187520, HOUR.key)
    assert (facts["attempt_id"], facts["outcome"], facts["attempts"]) == ("first", Outcome.EXPORTED, 1)
    assert facts["rows"] == {"read": 3, "exported": 2, "filtered": 0, "duplicate": 0, "rejected": 1}
    (part,) = [body for name, body in world.reader().committed.items() if name.endswith(".gz")]
    assert (facts["parts"], facts["bytes"]) == (1, len(part.body))
    assert facts["seconds"] == {"inventory": 0.0, "stage": 0.0, "commit": 0.0}
    assert facts["native_code"] is (library() is not None)
    assert not any("somebody" in record.getMessage() for record in log.records)
    assert log.records[-1].__dict__["event"] == Event.HOUR_EXPORTED


def test_late_rows_and_adopted_hours_have_different_facts(log: Collector) -> None:
    """By their facts."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1)], "a.json")
    attempt(world)
    world.land(EVENTS.stream, HOUR, [an_event(2), an_event(3)], "b.json")
    attempt(world, LATER, claim_id="late", task=HourTask(EVENTS, HOUR, late=True))
    world.ledger.clear()
    attempt(world, LATER, claim_id="adopts")

    late, adopted = log.facts(Event.HOUR_EXPORTED)[1:]
    assert (late["late_rows"], late["parts"]) == (2, 2)
    assert (adopted["outcome"], adopted["rows"]) == (
        Outcome.ADOPTED,
        {"read": 3, "exported": 3, "filtered": 0, "duplicate": 0, "rejected": 0},
    )


def test_a_failed_hour_is_logged_with_its_code(log: Collector) -> None:
    """Each time: an alert counts the lines."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1)])
    world.reader().faults["list"] = Fault("container_not_found", "It is gone.", "Make it again.")

    assert attempt(world) is Outcome.FAILED

    (facts,) = log.facts(Event.HOUR_FAILED)
    assert (facts["destination"], facts["code"], facts["attempt_id"]) == (
        "acme",
        "container_not_found",
        "first",
    )


def test_a_tick_reports_streams_behind_and_failing_destinations() -> None:
    """Also of destinations with an open breaker."""
    world = a_world(acme(org_id=None))
    world.schedule.put(EVENTS, StreamProgress(EVENTS, HOUR.plus(-3), HOUR.plus(-3)))
    fault = Fault("container_not_found", "It is gone.", "Make it again.")
    world.breakers.put("acme", Breaker().record_failure(fault, NOW))

    found = queue_due_hours(world.gateways, now=NOW, settle=SETTLE)

    (behind,) = found.behind
    assert (behind.key, behind.oldest, behind.hours_max) == (EVENTS, HOUR.plus(-3), 4)
    assert behind.lag == NOW - HOUR.plus(-3).end - SETTLE
    assert found.refusing == ("acme",)
