"""Landing over HTTP: what has arrived, from when to when, and what lies where nobody looks."""

import threading
from datetime import datetime, timedelta
from http import HTTPStatus

import azure.functions as func

from exporter import wiring
from exporter.actions.ports import Landing
from exporter.domain.landing import Survey
from exporter.triggers.answers import answer
from exporter.triggers.operations import Operation, nothing, operation
from exporter.triggers.views import landing_view

# A survey takes up to a thousand listings; what is new in landing can wait for a moment.
KEPT = timedelta(minutes=1)

blueprint = func.Blueprint()


class Surveys:
    """The last survey, kept for a while; those who ask meanwhile wait for the one that is being made."""

    def __init__(self) -> None:
        self._last: tuple[datetime, Survey] | None = None
        self._turn = threading.Lock()

    def survey(self, landing: Landing, now: datetime) -> Survey:
        """Return a survey that is no older than ``KEPT``."""
        with self._turn:
            if self._last is None or not timedelta() <= now - self._last[0] < KEPT:
                self._last = now, landing.survey(now)
            return self._last[1]


_surveys = Surveys()


@operation(
    blueprint,
    Operation(name="landing", method="GET", route="landing", answers={HTTPStatus.OK: "LandingView"}),
    parse=nothing,
)
def landing(_: func.HttpRequest, __: None) -> func.HttpResponse:
    """Tell which projects and organizations have landed, from when to when, and what fits no layout."""
    return answer(landing_view(_surveys.survey(wiring.app().gateways.landing, wiring.now())))
