"""The test of a source."""

from datetime import timedelta

import pytest

from exporter.domain.connection_test import ConnectionReport
from exporter.domain.errors import Fault, SourceFault, Transient
from exporter.sources import lifecycle
from exporter.sources.connection_test import STEPS
from exporter.sources.edit import put_source
from tests.support.fakes.export_api import Answer
from tests.support.fakes.world import World
from tests.support.sources import DRAFT_SOURCE, LAST_DUE, a_zip
from tests.support.worlds import NOW

REFUSED = Fault("host_not_allowed", "The address is not allowed.", "Ask.")


def report_on(*answers: Answer) -> tuple[ConnectionReport, World]:
    """Test a source whose API answers the newest due hour like this."""
    world = World()
    put_source(world.gateways, DRAFT_SOURCE, if_match=None, now=NOW)
    world.puller.api.answers[LAST_DUE] = list(answers) or [404]
    return lifecycle.test(world.gateways.pulls, "acme", now=NOW), world


@pytest.mark.parametrize(
    "answer",
    [
        a_zip(b'{"app": 187520, "uuid": "x"}', b"{}"),
        a_zip(b'{"app": "187520"}'),
        a_zip(b'{"app": null}'),
        a_zip(b'{"uuid": "x"}'),
        a_zip(b"no JSON"),
        a_zip(b'{"app": "main"}'),
        a_zip(),
        400,
    ],
)
def test_a_source_that_can_be_pulled_passes(answer: Answer) -> None:
    """Rows without a readable project say nothing against it; neither does an hour that is too large."""
    report, world = report_on(answer)

    assert (report.ok, [step.name for step in report.steps]) == (True, list(STEPS))
    assert world.puller.api.requests == [LAST_DUE]
    assert world.landed.committed == world.puller.answers.committed == {}


def test_hours_before_are_asked_for_if_the_newest_has_no_rows() -> None:
    """Those of the day and the week before; a project without rows passes."""
    report, world = report_on()

    assert report.ok
    assert world.puller.api.requests == [LAST_DUE.plus(-hours) for hours in (0, 24, 168)]


@pytest.mark.parametrize(
    ("answer", "states", "code"),
    [
        (401, "fail skip skip", "credentials"),
        (403, "fail skip skip", "credentials"),
        (Transient("no route to host"), "fail skip skip", "export_api_unreachable"),
        (SourceFault(REFUSED), "fail skip skip", "host_not_allowed"),
        (a_zip(b'{"app": 77}'), "pass fail pass", "wrong_project"),
        (b"<html>", "pass skip fail", "no_zip"),
        (b"PK\5\6" + bytes(18), "pass skip fail", "no_zip"),
        ((429, timedelta(seconds=9)), "pass skip fail", "rate_limited"),
        (503, "pass skip fail", "export_api_unavailable"),
    ],
)
def test_each_refusal_has_its_step_and_code(answer: Answer, states: str, code: str) -> None:
    """With a message and a fix."""
    report, _ = report_on(answer)

    found = ["fail" if step.fault else "skip" if step.skipped else "pass" for step in report.steps]
    fault = report.first_fault
    assert (" ".join(found), report.ok) == (states, False)
    assert fault is not None
    assert fault.code == code
    assert fault.message
    assert fault.fix
