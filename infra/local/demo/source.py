"""The demo's source: an Export API on loopback that has the events, and the source that pulls them."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from infra.local.api import Api
from infra.local.demo.expected import DemoError, expect
from infra.local.export_api import ExportApi, Project, export_api_running, members_of
from infra.local.sample import LandingHour, Sample

SOURCE_ID = "demo-source"
# Another project, whose source has a wrong secret key: only the console and the API show it.
FAILING_ID = "demo-wrong-key"
FAILING_HOURS = 6
FAILING_EVENTS = 50
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
    failing: Project = field(repr=False)

    @property
    def allowed_host(self) -> str:
        """The host of the API, for ``PULL_HOSTS``."""
        return self.export_api.url.removeprefix("http://")

    @property
    def request(self) -> dict[str, object]:
        """The body of the PUT that creates the source."""
        return self._request(self.hours[0], self.api_key, self.secret_key)

    def _request(self, first: LandingHour, api_key: str, secret_key: str) -> dict[str, object]:
        return {
            "type": "amplitude_export",
            "project_id": first.recipe.project_id,
            "region": "us",
            "base_url": self.export_api.url,
            "api_key": api_key,
            "secret_key": secret_key,
            "start": f"{first.start:%Y-%m-%dT%H}",
            "lag_minutes": int(LAG.total_seconds() // 60),
        }

    def make_a_failing_source(self, api: Api, seconds_max: float) -> None:
        """Create a source with a wrong secret key, and run the timer of the sources until it fails."""
        hours = _hours_of(self.failing, self.hours)
        for hour in hours:
            self.export_api.publish(hour.start, members_of(hour, SHARDS), self.failing.api_key)
        body = self._request(hours[0], self.failing.api_key, secrets.token_hex(16))
        expect(api.put(f"/sources/{FAILING_ID}", body), 201)
        deadline = time.monotonic() + seconds_max
        while time.monotonic() < deadline:
            api.fire("pull_tick")
            time.sleep(_POLL_SECONDS)
            if expect(api.get(f"/sources/{FAILING_ID}"), 200)["status"] == "failing":
                return
        raise DemoError(f"the source {FAILING_ID} does not fail, though its key is wrong")

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
    project, failing = (
        Project(hours[0].recipe.project_id + number, secrets.token_hex(16), secrets.token_hex(16))
        for number in range(2)
    )
    with export_api_running(project, failing) as export_api:
        for hour in hours:
            export_api.publish(hour.start, members_of(hour, SHARDS))
        yield DemoSource(export_api, hours, project.api_key, project.secret_key, failing)


def _hours_of(project: Project, hours: tuple[LandingHour, ...]) -> list[LandingHour]:
    """Return the newest hours as another project has them, with few events."""
    sample = Sample(project_id=project.project_id, events_per_hour=FAILING_EVENTS, real_shaped=True)
    return [sample.hour(hour.start) for hour in hours[-FAILING_HOURS:]]
