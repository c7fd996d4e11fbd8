"""What the console shows in the tests: destinations in every state, made by the real app."""

import json
from dataclasses import replace
from datetime import datetime

from infra.local.sample import DataType, Fault, Sample
from tests.support.installation import LANDING, App, Installation, key_of, ok

WELL, BROKEN, MESSY, PAUSED, DRAFT = "well", "broken", "messy", "paused", "draft"
ALL = (BROKEN, DRAFT, MESSY, PAUSED, WELL)
HOURS, FEW = 5, 2
EVENTS = (DataType.EVENTS,)
# Markup, a change of the direction of writing, and characters without width.
HOSTILE = '<img src=x onerror="alert(1)">\u202egnitirw\u202c\u200b&amp;'
SAMPLE = Sample(events_per_hour=40, merges_per_hour=5)
FAULTY = replace(
    SAMPLE,
    project_id=2,
    faults=frozenset({Fault.NOT_JSON, Fault.MISTYPED_FIELD, Fault.AMENDED_FIELD, Fault.FOREIGN_APP}),
)
OTHER = replace(SAMPLE, project_id=3)


def furnish(installation: Installation, app: App) -> list[datetime]:
    """Land rows, make the destinations, and let the app export; return the hours of the well one."""
    starts = installation.newest_hours(HOURS)
    for start in starts:
        installation.land(SAMPLE.hour(start))
    for start in starts[-FEW:]:
        installation.land(FAULTY.hour(start))
        installation.land(OTHER.hour(start))
    _land_hostile(installation, starts[-FEW - 1])
    app.activate(installation.destination(WELL, SAMPLE, starts[0]))
    messy = installation.destination(MESSY, FAULTY, starts[-FEW - 1], EVENTS, prefix="<b>prefix")
    app.activate(messy | {"name": f"Test: messy {HOSTILE}"})
    app.activate(installation.destination(PAUSED, OTHER, starts[-FEW], EVENTS))
    ok(app.api.post(f"/destinations/{PAUSED}/pause"))
    break_one(installation, app, BROKEN, starts[-1])
    draft = installation.destination(DRAFT, SAMPLE, starts[0]) | {"storage": {"container": "of-the-draft"}}
    assert app.api.put(f"/destinations/{DRAFT}", draft).status == 201
    app.tick()
    app.exported(WELL, starts)
    app.exported(MESSY, starts[-FEW - 1 :])
    failed(app, BROKEN, starts[-1])
    return starts


def break_one(installation: Installation, app: App, name: str, start: datetime) -> None:
    """Make a destination that owes the hours from this one on, and whose container is gone."""
    app.activate(installation.destination(name, OTHER, start, EVENTS))
    installation.container(name).delete_container()


def failed(app: App, name: str, start: datetime) -> None:
    """Wait until an hour has failed."""
    path = f"/destinations/{name}/hours?status=failed&from={key_of(start)}"
    app.until(lambda: ok(app.api.get(path))["hours"], "an hour failed")


def _land_hostile(installation: Installation, start: datetime) -> None:
    """Land rows that are rejected, and whose texts are hostile."""
    lines = [json.dumps({"event_type": HOSTILE}), f"{HOSTILE} is not JSON"]
    name = f"events/{FAULTY.project_id}/{start:%Y/%m/%d/%H}/{HOSTILE.replace('/', '')}.json"
    with installation.blobs.get_container_client(LANDING) as landing:
        landing.upload_blob(name, "\n".join(lines).encode())
