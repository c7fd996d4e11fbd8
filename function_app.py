"""The Azure Functions app: every function is in a blueprint of its own concern."""

import azure.functions as func

from exporter import wiring
from exporter.triggers import (
    backfills,
    descriptions,
    destinations,
    export,
    health,
    hours,
    landing,
    poison,
    preview,
    status,
    tick,
    unknown,
    verify,
    webhooks,
)

wiring.prepare_process()
app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
app.register_functions(health.blueprint)
app.register_functions(destinations.blueprint)
app.register_functions(status.blueprint)
app.register_functions(hours.blueprint)
app.register_functions(landing.blueprint)
app.register_functions(preview.blueprint)
app.register_functions(backfills.blueprint)
app.register_functions(verify.blueprint)
app.register_functions(descriptions.blueprint)
app.register_functions(unknown.blueprint)
app.register_functions(tick.blueprint)
app.register_functions(export.blueprint)
app.register_functions(webhooks.blueprint)
app.register_functions(poison.blueprint)
