"""What the console shows in the tests: destinations in every state, made by the real app."""

from dataclasses import replace
from datetime import datetime

from infra.local.sample import DataType, Fault, Sample
from tests.support.installation import App, Installation, key_of, ok

WELL, BROKEN, MESSY, PAUSED, DRAFT = "well", "broken", "messy", "paused", "draft"
HOURS, FEW = 8, 3
EVENTS = (DataType.EVENTS,)
SAMPLE = Sample(events_per_hour=40, merges_per_hour=5)
FAULTY = replace(
    SAMPLE,
    project_id=2,
    faults=frozenset({Fault.NOT_JSON, Fault.MISTYPED_FIELD, Fault.AMENDED_FIELD, Fault.FOREIGN_APP}),
)
OTHER = replace(SAMPLE, project_id=3)


def furnish(installation: Installation, app: App) -> list[datetime]:
    """Land rows, make the destinations, and let the app export; return the hours."""
    starts = installation.newest_hours(HOURS)
    for start in starts:
        installation.land(SAMPLE.hour(start))
    for start in starts[-FEW:]:
        installation.land(FAULTY.hour(start))
        installation.land(OTHER.hour(start))
    app.activate(installation.destination(WELL, SAMPLE, starts[0]))
    app.activate(installation.destination(MESSY, FAULTY, starts[-FEW], EVENTS))
    app.activate(installation.destination(PAUSED, OTHER, starts[-FEW], EVENTS))
    ok(app.api.post(f"/destinations/{PAUSED}/pause"))
    app.activate(installation.destination(BROKEN, OTHER, starts[-FEW], EVENTS))
    installation.container(BROKEN).delete_container()
    draft = installation.destination(DRAFT, SAMPLE, starts[0])
    assert app.api.put(f"/destinations/{DRAFT}", draft | {"storage": {"container": "draft-2"}}).status == 201
    app.tick()
    app.exported(WELL, starts)
    app.exported(MESSY, starts[-FEW:])
    path = f"/destinations/{BROKEN}/hours?status=failed&from={key_of(starts[-FEW])}"
    app.until(lambda: ok(app.api.get(path))["hours"], "an hour failed")
    return starts
