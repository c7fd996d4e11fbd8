"""The ledger over HTTP."""

import azure.functions as func

from exporter import wiring
from exporter.actions.edit_destination import find_destination
from exporter.actions.list_hours import View, list_hours
from exporter.domain.errors import Invalid, Problem
from exporter.domain.hours import Hour, count_between, last_closed_hour
from exporter.domain.streams import DataType
from exporter.triggers.answers import answer, answering
from exporter.triggers.views import hour_view

HOURS_DEFAULT = 24
# A leap year of hours: more in one answer helps nobody, and would take too long to gather.
HOURS_MAX = 366 * 24

blueprint = func.Blueprint()


@blueprint.function_name("list_hours")
@blueprint.route("destinations/{id}/hours", methods=["GET"])
@answering
def hours(req: func.HttpRequest) -> func.HttpResponse:
    """Answer the ledger of a destination; without ``from`` and ``to``, the last 24 closed hours."""
    app = wiring.app()
    view = View(wiring.now(), app.settings.settle)
    problems: list[Problem] = []
    data_type = _data_type(req, problems)
    last = _hour(req, "to", last_closed_hour(view.now, view.settle), problems)
    first = _hour(req, "from", last.plus(1 - HOURS_DEFAULT), problems)
    if not problems and first > last:
        problems.append(Problem("from", "must not be after to"))
    if not problems and count_between(first, last) > HOURS_MAX:
        problems.append(
            Problem("from", f"must be less than {HOURS_MAX} hours before to; ask in several steps")
        )
    if problems:
        raise Invalid(*problems)
    destination = find_destination(app.gateways, req.route_params["id"]).value
    records = [
        record
        for key in destination.streams
        if data_type in {None, key.stream.data_type}
        for record in list_hours(app.gateways, destination, key, (first, last), view=view)
    ]
    return answer(
        {"hours": [hour_view(record) for record in sorted(records, key=lambda record: record.hour)]}
    )


def _data_type(req: func.HttpRequest, problems: list[Problem]) -> DataType | None:
    text = req.params.get("data_type")
    try:
        return DataType(text) if text else None
    except ValueError:
        problems.append(Problem("data_type", f"must be one of {', '.join(DataType)}"))
        return None


def _hour(req: func.HttpRequest, name: str, default: Hour, problems: list[Problem]) -> Hour:
    text = req.params.get(name)
    try:
        return Hour.parse(text) if text else default
    except ValueError:
        problems.append(Problem(name, "must be a UTC hour such as 2026-01-31T13"))
        return default
