"""``GET /health``: whether the app is configured."""

from http import HTTPStatus
from typing import TypedDict

import azure.functions as func

from exporter import wiring
from exporter.domain.errors import LandingMissing, NotConfigured, Transient
from exporter.domain.hour_record import StreamProgress
from exporter.domain.streams import StreamKey
from exporter.http.response_cache import ResponseCache
from exporter.http.responses import answer, not_configured
from exporter.http.routing import Operation, nothing, operation
from exporter.ports import Landing, LastWrite

blueprint = func.Blueprint()

# The route is anonymous: callers without a key must not cause a storage call each.
_cache: ResponseCache[LandingMissing | None] = ResponseCache()


class HealthView(TypedDict):
    """The app is configured."""

    status: str


@operation(
    blueprint,
    Operation(
        name="health", method="GET", route="health", answers={HTTPStatus.OK: HealthView}, anonymous=True
    ),
    parse=nothing,
)
def health(_: func.HttpRequest, __: None) -> func.HttpResponse:
    """Check the configuration; 503 lists every setting that is missing or wrong."""
    try:
        wiring.settings()
        if (missing := _cache.get(_check_landing, wiring.now())) is not None:
            raise missing
    except NotConfigured as error:
        return not_configured(error)
    return answer({"status": "ok"})


def _check_landing() -> LandingMissing | None:
    """Check the landing container. Storage that fails for a moment is no error in the settings."""
    gateways = wiring.app().gateways
    try:
        return missing_landing(gateways.landing, gateways.schedule)
    except Transient:
        return None


def missing_landing(
    landing: Landing, schedule: LastWrite[StreamKey, StreamProgress]
) -> LandingMissing | None:
    """Return the error if the landing container does not exist although its streams are known.

    Before any stream is known, the next tick creates the container.
    """
    try:
        landing.check()
    except LandingMissing as missing:
        known = schedule.all()
        return missing if known or known.unreadable else None
    return None
