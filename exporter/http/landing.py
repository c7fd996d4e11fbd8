"""Landing over HTTP: what has arrived, from when to when, and what lies where nobody looks."""

from http import HTTPStatus

import azure.functions as func

from exporter import wiring
from exporter.domain.landing import Survey
from exporter.http.cached import Kept
from exporter.http.responses import answer
from exporter.http.routing import Operation, nothing, operation
from exporter.http.schemas import landing_view

blueprint = func.Blueprint()

# A survey takes up to a thousand listings; what is new in landing can wait for a moment.
_survey: Kept[Survey] = Kept()


@operation(
    blueprint,
    Operation(name="landing", method="GET", route="landing", answers={HTTPStatus.OK: "LandingView"}),
    parse=nothing,
)
def landing(_: func.HttpRequest, __: None) -> func.HttpResponse:
    """Tell which projects and organizations have landed, from when to when, and what fits no layout."""
    gateways, now = wiring.app().gateways, wiring.now()
    return answer(landing_view(_survey.get(lambda: gateways.landing.survey(now), now)))
