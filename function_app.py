"""The Azure Functions app. Each blueprint has the functions of one resource or queue."""

import azure.functions as func

from exporter import wiring
from exporter.http import (
    api_docs,
    backfills,
    console,
    destinations,
    health,
    hours,
    hours_summary,
    landing,
    lifecycle,
    not_found,
    notify,
    preview,
    pulls,
    rejected,
    source_hours,
    sources,
    status,
    summary,
    verify,
)
from exporter.queues import backfill_steps, export, poison, pull, tick, verify_steps, webhooks

wiring.prepare_process()
app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
# The HTTP API.
app.register_functions(health.blueprint)
app.register_functions(destinations.blueprint)
app.register_functions(lifecycle.blueprint)
app.register_functions(hours.blueprint)
app.register_functions(hours_summary.blueprint)
app.register_functions(rejected.blueprint)
app.register_functions(landing.blueprint)
app.register_functions(summary.blueprint)
app.register_functions(status.blueprint)
app.register_functions(preview.blueprint)
app.register_functions(notify.blueprint)
app.register_functions(backfills.blueprint)
app.register_functions(verify.blueprint)
app.register_functions(sources.blueprint)
app.register_functions(source_hours.blueprint)
app.register_functions(pulls.blueprint)
app.register_functions(api_docs.blueprint)
app.register_functions(not_found.blueprint)
# The page for people.
app.register_functions(console.blueprint)
# The timer and the queues.
app.register_functions(tick.blueprint)
app.register_functions(export.blueprint)
app.register_functions(backfill_steps.blueprint)
app.register_functions(verify_steps.blueprint)
app.register_functions(webhooks.blueprint)
app.register_functions(pull.blueprint)
app.register_functions(poison.blueprint)
