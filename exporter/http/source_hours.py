"""``GET /sources/{id}/hours``: the ledger of a source."""

from datetime import timedelta
from http import HTTPStatus

import azure.functions as func

from exporter import wiring
from exporter.domain.hour import Hour, last_closed_hour
from exporter.domain.pulls import PullStatus
from exporter.http.hours import parse_span, span_parameters
from exporter.http.query import Query, choice_parameter
from exporter.http.responses import answer
from exporter.http.routing import Operation, operation
from exporter.http.source_view import PulledHoursView, pulled_hour_view
from exporter.sources.find import find_source_history
from exporter.sources.overview import list_pulled_hours

blueprint = func.Blueprint()


def _parse(req: func.HttpRequest) -> tuple[tuple[Hour, Hour], PullStatus | None]:
    query = Query(req)
    status = query.one_of("status", list(PullStatus))
    span = parse_span(query, last_closed_hour(wiring.now(), timedelta()))
    query.check()
    return span, status


@operation(
    blueprint,
    Operation(
        name="list_source_hours",
        method="GET",
        route="sources/{id}/hours",
        answers={HTTPStatus.OK: PulledHoursView},
        query=(
            *span_parameters("the last hour that has ended"),
            choice_parameter("status", "Only hours with this status. Default: all.", list(PullStatus)),
        ),
    ),
    parse=_parse,
)
def hours(req: func.HttpRequest, parsed: tuple[tuple[Hour, Hour], PullStatus | None]) -> func.HttpResponse:
    """List hours of the ledger of a source, also of a deleted one, without those that are not due yet."""
    span, status = parsed
    pulls = wiring.app().gateways.pulls
    source = find_source_history(pulls.sources, req.route_params["id"]).value
    records = list_pulled_hours(pulls.hours, source, span, wiring.now())
    return answer({"hours": [pulled_hour_view(each) for each in records if status in {None, each.status}]})
