"""The health check: is the app set up right."""

from http import HTTPStatus

import azure.functions as func

from exporter import wiring
from exporter.destinations.landing_check import missing_landing
from exporter.domain.errors import LandingMissing, NotConfigured, Transient
from exporter.http.cached import Kept
from exporter.http.responses import answer, not_configured
from exporter.http.routing import Operation, nothing, operation

blueprint = func.Blueprint()

# Anybody may ask, as often as they like.
_landing: Kept[LandingMissing | None] = Kept()


@operation(
    blueprint,
    Operation(
        name="health",
        method="GET",
        route="health",
        answers={HTTPStatus.OK: "HealthView"},
        anonymous=True,
    ),
    parse=nothing,
)
def health(_: func.HttpRequest, __: None) -> func.HttpResponse:
    """Say that the app is set up, or (503) which settings are missing or wrong."""
    try:
        wiring.settings()
        if (missing := _landing.get(_look, wiring.now())) is not None:
            raise missing
    except NotConfigured as error:
        return not_configured(error)
    return answer({"status": "ok"})


def _look() -> LandingMissing | None:
    """Look for landing; a storage that is away for the moment is no matter of the settings."""
    try:
        return missing_landing(wiring.app().gateways)
    except Transient:
        return None
