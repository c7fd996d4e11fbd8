"""``POST /destinations/{id}/notify/test``."""

from http import HTTPStatus
from typing import TypedDict

import azure.functions as func

from exporter import wiring
from exporter.destinations.find import find_destination
from exporter.http.responses import answer
from exporter.http.routing import Operation, nothing, operation
from exporter.notify import notifications

blueprint = func.Blueprint()


class WebhookTestView(TypedDict):
    """The result of a test call.

    ``status`` is the status of the webhook's answer, null if there was none; ``message`` says what is wrong,
    null if the answer was a success.
    """

    ok: bool
    status: int | None
    message: str | None


@operation(
    blueprint,
    Operation(
        name="test_webhook",
        method="POST",
        route="destinations/{id}/notify/test",
        answers={HTTPStatus.OK: WebhookTestView},
        problems=(HTTPStatus.CONFLICT,),
    ),
    parse=nothing,
)
def call_webhook(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Call the webhook of a destination once, with a signed notification of type `test`."""
    gateways = wiring.app().gateways
    destination = find_destination(gateways.destinations, req.route_params["id"]).value
    call = notifications.call_for_test(gateways, destination, now=wiring.now(), new_id=wiring.new_id())
    return answer({"ok": call.error is None, "status": call.status, "message": call.error})
