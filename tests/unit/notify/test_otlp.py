"""Metrics and spans, at a collector that reads them with OpenTelemetry's own definitions."""

import hashlib
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from exporter.domain.errors import Fault
from exporter.notify import otlp
from exporter.notify.log_events import Event, log_event
from exporter.notify.otlp import Collector, OtlpHandler
from tests.support.worlds import EVENTS, HOUR, a_world, an_event, attempt

PROJECT = Path(__file__).resolve().parents[3]
FORMS: dict[str, type[Message]] = {
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/traces": ExportTraceServiceRequest,
}


class Receiver(ThreadingHTTPServer):
    """A collector: keeps what it is sent, by path."""

    def __init__(self, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Receiving)
        self.status = status
        self.sent: dict[str, list[Any]] = {}
        self.headers: list[dict[str, str]] = []


class _Receiving(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        # A field that OpenTelemetry does not know is an error.
        json_format.Parse(body, FORMS[self.path]())
        self.server.sent.setdefault(self.path, []).append(json.loads(body))
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Log nothing."""


@contextmanager
def collecting(status: int = 200) -> Iterator[tuple[Receiver, OtlpHandler]]:
    """Run a collector, to which the log is sent."""
    log = logging.getLogger("exporter")
    level = log.level
    with Receiver(status) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{receiver.server_port}"
        handler = OtlpHandler(Collector(url, {"x-api-key": "a key"}, "ours"), seconds=3600)
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        try:
            yield receiver, handler
        finally:
            log.removeHandler(handler)
            log.setLevel(level)
            receiver.shutdown()
            thread.join()


def metrics_of(receiver: Receiver) -> dict[str, Any]:
    """Return the metrics of the only request, by name."""
    (request,) = receiver.sent["/v1/metrics"]
    (resource,) = request["resourceMetrics"]
    assert resource["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "ours"}}]
    return {each["name"]: each for each in resource["scopeMetrics"][0]["metrics"]}


def points(metric: Any) -> dict[tuple[str, ...], Any]:  # noqa: ANN401  JSON
    """Return the points of a metric by the values of their attributes."""
    (kind,) = metric.keys() & {"sum", "gauge", "histogram"}
    return {
        tuple(each["value"]["stringValue"] for each in point["attributes"]): point
        for point in metric[kind]["dataPoints"]
    }


def test_an_exported_hour_is_counted_and_is_a_span_with_its_steps() -> None:
    """By destination and data type; the trace is found from the attempt."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1), an_event(2), {"uuid": "none"}])
    with collecting() as (receiver, handler):
        attempt(world, claim_id="one")
        handler.send_now()

    found = metrics_of(receiver)
    stream = ("acme", "events")
    rows = {split[2]: point["asInt"] for split, point in points(found["blob_exporter.rows"]).items()}
    assert rows == {"exported": "2", "filtered": "0", "duplicate": "0", "rejected": "1"}
    assert points(found["blob_exporter.hours"])[*stream, "exported"]["asInt"] == "1"
    assert found["blob_exporter.hours"]["sum"]["aggregationTemporality"] == 1
    duration = points(found["blob_exporter.hour_seconds"])[stream]
    assert (duration["count"], sum(map(int, duration["bucketCounts"]))) == ("1", 1)
    assert len(duration["bucketCounts"]) == len(duration["explicitBounds"]) + 1
    (request,) = receiver.sent["/v1/traces"]
    root, *steps = request["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert root["traceId"] == hashlib.sha256(b"one").hexdigest()[:32]
    assert {"key": "rows.exported", "value": {"intValue": "2"}} in root["attributes"]
    assert {each["name"] for each in steps} >= {"inventory", "stage", "commit"}
    assert all((each["traceId"], each["parentSpanId"]) == (root["traceId"], root["spanId"]) for each in steps)
    assert steps[-1]["endTimeUnixNano"] == root["endTimeUnixNano"]
    assert {each["x-api-key"] for each in receiver.headers} == {"a key"}


def test_a_failed_hour_is_a_span_with_an_error() -> None:
    """And counted by its code."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1)])
    world.reader().faults["list"] = Fault("container_not_found", "It is gone.", "Make it again.")
    with collecting() as (receiver, handler):
        attempt(world)
        handler.send_now()

    assert ("acme", "events", "container_not_found") in points(metrics_of(receiver)["blob_exporter.failures"])
    (span,) = receiver.sent["/v1/traces"][0]["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert span["status"] == {"code": 2, "message": "container_not_found"}


def test_ticks_and_other_lines_are_metrics_alone() -> None:
    """The newest value of what is behind; other lines are counted."""
    with collecting() as (receiver, handler):
        for due in (7, 3):
            log_event(Event.TICK, due=due, behind=1, failing=0)
        log_event(Event.STREAM_BEHIND, destination="acme", data_type="events", lag_minutes=61)
        log_event(Event.CHANGE_MADE, destination="acme", action="x")
        logging.getLogger("exporter.other").warning("no facts")
        handler.send_now()
        handler.send_now()

    found = metrics_of(receiver)
    assert points(found["blob_exporter.ticks"])[()]["asInt"] == "2"
    assert points(found["blob_exporter.due"])[()]["asInt"] == "3"
    assert points(found["blob_exporter.lag_minutes"])["acme", "events"]["asInt"] == "61"
    assert points(found["blob_exporter.events"])["acme", "change made"]["asInt"] == "1"
    assert receiver.sent.keys() == {"/v1/metrics"}


def test_records_are_sent_in_the_background() -> None:
    """Without a call, within seconds."""
    arrived = threading.Event()
    handler = OtlpHandler(Collector("http://127.0.0.1:9"), lambda *_: arrived.set(), seconds=0.01)
    log = logging.getLogger("exporter")
    log.addHandler(handler)
    try:
        log_event(Event.ROW_UNREADABLE, table="ledger")
        assert arrived.wait(10)
    finally:
        log.removeHandler(handler)


def test_a_collector_that_is_away_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No export fails by it, and the memory for what waits has an end."""
    monkeypatch.setattr(otlp, "RECORDS_MAX", 2)
    with collecting(status=503) as (receiver, handler):
        for _ in range(2):
            for _ in range(5):
                log_event(Event.ROW_UNREADABLE, table="ledger")
            handler.send_now()

    assert sum("telemetry is not taken" in each.message for each in caplog.records) == 1
    dropped = receiver.sent["/v1/metrics"][0]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]
    assert (dropped["name"], points(dropped)[()]["asInt"]) == ("blob_exporter.records_dropped", "3")


COLD = "import sys, function_app; print('exporter.notify.otlp' in sys.modules)"


@pytest.mark.parametrize(("endpoint", "imported"), [("", "False"), ("http://127.0.0.1:9", "True")])
def test_nothing_is_imported_without_a_collector(endpoint: str, imported: str) -> None:
    """A cold start is as fast as before."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    done = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-c", COLD], env=environ, cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == imported


def test_every_metric_is_documented() -> None:
    """With the name that it has."""
    guide = (PROJECT / "docs/monitoring.md").read_text()
    code = (PROJECT / "exporter/notify/otlp.py").read_text()

    for name in ("hours", "rows", "bytes", "failures", "lag_minutes", "ticks", "due", "behind", "failing"):
        assert f"`blob_exporter.{name}`" in guide
        assert f'"{name}"' in code
