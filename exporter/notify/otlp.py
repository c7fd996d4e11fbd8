"""Log lines with facts as metrics and spans of OpenTelemetry, for an operator's own collector.

OTLP over HTTP in its JSON form (https://opentelemetry.io/docs/specs/otlp/), without a library: the module is
imported only if ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set. A worker lives for minutes, so counters are deltas.
Records are sent in the background every few seconds; those of a worker that dies before are lost, and the log
still has them.
"""

import atexit
import hashlib
import json
import logging
import threading
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

from exporter.notify.log_events import Event

# How long records are collected before they are sent.
FLUSH_SECONDS = 5.0
# A collector that is away costs neither memory without end nor an export any time.
RECORDS_MAX = 10_000
SEND_SECONDS_MAX = 10
BOUNDS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)
_SCOPE = {"name": "blob-exporter"}
_DELTA = 1
_INTERNAL, _ERROR = 1, 2
_SECOND = 1_000_000_000
# Facts that a metric is split by; ids of hours and attempts would make a series of each.
_SPLIT_BY = ("destination", "data_type")
_log = logging.getLogger(__name__)

type Attributes = tuple[tuple[str, object], ...]
type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Collector:
    """Where telemetry is sent: ``url`` is the endpoint without ``/v1/…``."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    service: str = "blob-exporter"

    def send(self, signal: str, document: Json) -> None:
        """Send metrics or traces; OSError if the collector does not take them."""
        body = json.dumps(document, separators=(",", ":"), default=str).encode()
        headers = {**self.headers, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/v1/{signal}", body, headers)  # noqa: S310  the operator's own
        urllib.request.urlopen(request, timeout=SEND_SECONDS_MAX).close()  # noqa: S310  as above


class OtlpHandler(logging.Handler):
    """A log handler that sends what log lines say to a collector, in a thread of its own."""

    def __init__(
        self,
        collector: Collector,
        send: Callable[[str, Json], None] | None = None,
        seconds: float = FLUSH_SECONDS,
    ) -> None:
        super().__init__(logging.INFO)
        self._collector = collector
        self._send = send or collector.send
        self._seconds = seconds
        self._records: list[logging.LogRecord] = []
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None
        self._dropped = 0
        self._fails = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record until it is sent; one without facts is none of ours."""
        if not hasattr(record, "facts"):
            return
        with self._turn:
            if len(self._records) >= RECORDS_MAX:
                self._dropped += 1
                return
            self._records.append(record)
            if self._thread is None:
                # Not before: a process may be forked after its start.
                self._thread = threading.Thread(target=self._run, name="otlp", daemon=True)
                self._thread.start()
                atexit.register(self.send_now)

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(self._seconds)
            self.send_now()

    def send_now(self) -> None:
        """Send what was collected. If the collector does not take it, it is lost, which the log says once."""
        with self._turn:
            records, self._records = self._records, []
            dropped, self._dropped = self._dropped, 0
        if not records:
            return
        try:
            self._send("metrics", metrics(records, self._collector.service, dropped))
            if spans := traces(records, self._collector.service):
                self._send("traces", spans)
        except (OSError, ValueError) as error:
            if not self._fails:
                _log.warning("telemetry is not taken: %s; the log has it", error)
            self._fails = True
        else:
            self._fails = False


def metrics(records: Iterable[logging.LogRecord], service: str, dropped: int = 0) -> Json:
    """Return the metrics of records as a request of OTLP."""
    records = list(records)
    start, end = (round(moment(records) * _SECOND) for moment in (_first, _last))
    counts: dict[str, dict[Attributes, float]] = {}
    gauges: dict[str, dict[Attributes, float]] = {}
    durations: dict[Attributes, list[float]] = {}
    if dropped:
        _add(counts, "records_dropped", (), dropped)
    for each in records:
        event, facts = each.__dict__["event"], each.__dict__["facts"]
        split = tuple((name, facts[name]) for name in _SPLIT_BY if name in facts)
        if event == Event.HOUR_EXPORTED:
            _add(counts, "hours", (*split, ("outcome", str(facts["outcome"]))), 1)
            _add(counts, "bytes", split, facts["bytes"])
            for state, rows in facts["rows"].items():
                if state != "read":
                    _add(counts, "rows", (*split, ("state", state)), rows)
            durations.setdefault(split, []).append(sum(facts["seconds"].values()))
        elif event == Event.HOUR_FAILED:
            _add(counts, "failures", (*split, ("code", str(facts["code"]))), 1)
        elif event == Event.STREAM_BEHIND:
            gauges.setdefault("lag_minutes", {})[split] = facts["lag_minutes"]
        elif event == Event.TICK:
            _add(counts, "ticks", (), 1)
            for name in ("behind", "failing", "due"):
                gauges.setdefault(name, {})[()] = facts[name]
        else:
            _add(counts, "events", (*split, ("event", str(event))), 1)
    found = [_sum(name, values, start, end) for name, values in counts.items()]
    found += [_gauge(name, values, end) for name, values in gauges.items()]
    found += [_histogram(durations, start, end)] if durations else []
    scope = {"scope": _SCOPE, "metrics": found}
    return {"resourceMetrics": [{"resource": _resource(service), "scopeMetrics": [scope]}]}


def traces(records: Iterable[logging.LogRecord], service: str) -> Json | None:
    """Return a span for each attempt at an hour, and one for each of its steps; None if there is none."""
    spans: list[Json] = []
    for each in records:
        event, facts = each.__dict__["event"], each.__dict__["facts"]
        if event in {Event.HOUR_EXPORTED, Event.HOUR_FAILED}:
            spans += _spans(str(event), facts, round(each.created * _SECOND))
    if not spans:
        return None
    scope = {"scope": _SCOPE, "spans": spans}
    return {"resourceSpans": [{"resource": _resource(service), "scopeSpans": [scope]}]}


def _spans(event: str, facts: Mapping[str, Any], end: int) -> Iterable[Json]:
    """Yield the span of an attempt and those of its steps, one after the other, as they are in the log."""
    trace = hashlib.sha256(str(facts["attempt_id"]).encode()).hexdigest()[:32]
    steps: dict[str, float] = facts.get("seconds", {})
    ends = list(accumulate((round(seconds * _SECOND) for seconds in steps.values()), initial=0))
    start = end - ends[-1]
    root = {
        "traceId": trace,
        "spanId": _span_id(trace, event),
        "name": event,
        "kind": _INTERNAL,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(end),
        "attributes": _attributes(_flat(facts)),
        "status": {"code": _ERROR, "message": str(facts["code"])} if "code" in facts else {},
    }
    yield root
    for step, (begun, ended) in zip(steps, pairwise(ends), strict=True):
        yield {
            "traceId": trace,
            "spanId": _span_id(trace, step),
            "parentSpanId": root["spanId"],
            "name": step,
            "kind": _INTERNAL,
            "startTimeUnixNano": str(start + begun),
            "endTimeUnixNano": str(start + ended),
        }


def _span_id(trace: str, name: str) -> str:
    return hashlib.sha256(f"{trace}{name}".encode()).hexdigest()[:16]


def _flat(facts: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, object]]:
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _attributes(values: Iterable[tuple[str, object]]) -> list[Json]:
    return [{"key": name, "value": _value(value)} for name, value in values]


def _value(value: object) -> Json:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case _:
            return {"stringValue": str(value)}


def _resource(service: str) -> Json:
    return {"attributes": _attributes([("service.name", service)])}


def _add(into: dict[str, dict[Attributes, float]], name: str, split: Attributes, value: float) -> None:
    values = into.setdefault(name, {})
    values[split] = values.get(split, 0) + value


def _sum(name: str, values: Mapping[Attributes, float], start: int, end: int) -> Json:
    points = [
        {
            "attributes": _attributes(split),
            "startTimeUnixNano": str(start),
            "timeUnixNano": str(end),
            "asInt": str(int(value)),
        }
        for split, value in values.items()
    ]
    total = {"aggregationTemporality": _DELTA, "isMonotonic": True, "dataPoints": points}
    return {"name": f"blob_exporter.{name}", "unit": "By" if name == "bytes" else "1", "sum": total}


def _gauge(name: str, values: Mapping[Attributes, float], end: int) -> Json:
    points = [
        {"attributes": _attributes(split), "timeUnixNano": str(end), "asInt": str(int(value))}
        for split, value in values.items()
    ]
    unit = "min" if name == "lag_minutes" else "1"
    return {"name": f"blob_exporter.{name}", "unit": unit, "gauge": {"dataPoints": points}}


def _histogram(durations: Mapping[Attributes, list[float]], start: int, end: int) -> Json:
    points = []
    for split, seconds in durations.items():
        edges = (float("-inf"), *BOUNDS, float("inf"))
        pairs = list(pairwise(edges))
        points.append(
            {
                "attributes": _attributes(split),
                "startTimeUnixNano": str(start),
                "timeUnixNano": str(end),
                "count": str(len(seconds)),
                "sum": sum(seconds),
                "explicitBounds": list(BOUNDS),
                "bucketCounts": [str(sum(low < each <= high for each in seconds)) for low, high in pairs],
            }
        )
    histogram = {"aggregationTemporality": _DELTA, "dataPoints": points}
    return {"name": "blob_exporter.hour_seconds", "unit": "s", "histogram": histogram}


def _first(records: list[logging.LogRecord]) -> float:
    return min(each.created for each in records)


def _last(records: list[logging.LogRecord]) -> float:
    return max(each.created for each in records)
