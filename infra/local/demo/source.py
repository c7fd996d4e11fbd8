"""The demo's source: an Export API on loopback that has the events, and the source that pulls them."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from infra.local.api import Api
from infra.local.export_api import ExportApi, Project, export_api_running, members_of
from infra.local.sample import LandingHour

SOURCE_ID = "demo-source"
# The smallest lag: the demo's newest hour ended at least so long ago.
LAG = timedelta(minutes=60)
# Numbers with gaps, as the original has them; of one length, so that the files land in the sample's order.
SHARDS = (170, 412, 627)
_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class DemoSource:
    """An Export API with the hours of the demo, and the keys of their project."""

    export_api: ExportApi
    hours: tuple[LandingHour, ...]
    api_key: str
    secret_key: str = field(repr=False)

    @property
    def allowed_host(self) -> str:
        """The host of the API, for ``PULL_HOSTS``."""
        return self.export_api.url.removeprefix("http://")

    @property
    def request(self) -> dict[str, object]:
        """The body of the PUT that creates the source."""
        return {
            "type": "amplitude_export",
            "project_id": self.hours[0].recipe.project_id,
            "region": "us",
            "base_url": self.export_api.url,
            "api_key": self.api_key,
            "secret_key": self.secret_key,
            "start": f"{self.hours[0].start:%Y-%m-%dT%H}",
            "lag_minutes": int(LAG.total_seconds() // 60),
        }

    def pull(self, api: Api, seconds_max: float) -> list[dict[str, Any]]:
        """Run the timer of the sources until all hours are pulled, and return them; fewer if time is up."""
        first, last = (f"{hour.start:%Y-%m-%dT%H}" for hour in (self.hours[0], self.hours[-1]))
        deadline = time.monotonic() + seconds_max
        pulled: list[dict[str, Any]] = []
        while len(pulled) < len(self.hours) and time.monotonic() < deadline:
            api.fire("pull_tick")
            time.sleep(_POLL_SECONDS)
            found = api.get(f"/sources/{SOURCE_ID}/hours?from={first}&to={last}").body["hours"]
            pulled = [hour for hour in found if hour["status"] == "pulled"]
        return pulled


@contextmanager
def demo_source(hours: tuple[LandingHour, ...]) -> Iterator[DemoSource]:
    """Run the Export API with these hours."""
    project = Project(hours[0].recipe.project_id, secrets.token_hex(16), secrets.token_hex(16))
    with export_api_running(project) as export_api:
        for hour in hours:
            export_api.publish(hour.start, members_of(hour, SHARDS))
        yield DemoSource(export_api, hours, project.api_key, project.secret_key)
