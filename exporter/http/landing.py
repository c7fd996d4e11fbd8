"""``GET /landing``: the contents of the landing container."""

from http import HTTPStatus
from typing import TypedDict

import azure.functions as func

from exporter import wiring
from exporter.domain.data_types import DataType
from exporter.domain.landing import Survey
from exporter.http.response_cache import ResponseCache
from exporter.http.responses import answer
from exporter.http.routing import Operation, nothing, operation
from exporter.http.schemas import HourKey

blueprint = func.Blueprint()

# A survey takes up to a thousand list calls.
_cache: ResponseCache[Survey] = ResponseCache()


class LandedStreamView(TypedDict):
    """A project or organization in landing; an hour is null if none was found."""

    data_type: DataType
    source_id: int
    first_hour: HourKey | None
    last_hour: HourKey | None


class MisfitView(TypedDict):
    """A folder (its name ends with ``/``) or blob outside the landing layout; it is never exported."""

    name: str
    reason: str


class LandingView(TypedDict):
    """The contents of landing; ``truncated`` if the survey stopped at its limit."""

    streams: list[LandedStreamView]
    misfits: list[MisfitView]
    truncated: bool


@operation(
    blueprint,
    Operation(name="landing", method="GET", route="landing", answers={HTTPStatus.OK: LandingView}),
    parse=nothing,
)
def landing(_: func.HttpRequest, __: None) -> func.HttpResponse:
    """List the projects and organizations in landing with their first and last hour, and all misfits."""
    return answer(_landing_view(surveyed()))


def surveyed() -> Survey:
    """Return a survey of landing that is at most a minute old."""
    gateways, now = wiring.app().gateways, wiring.now()
    return _cache.get(lambda: gateways.landing.survey(now), now)


def _landing_view(survey: Survey) -> LandingView:
    return {
        "streams": [
            {
                "data_type": each.stream.data_type,
                "source_id": each.stream.source_id,
                "first_hour": each.first.key if each.first else None,
                "last_hour": each.last.key if each.last else None,
            }
            for each in survey.streams
        ],
        "misfits": [{"name": each.name, "reason": each.reason} for each in survey.misfits],
        "truncated": survey.truncated,
    }
