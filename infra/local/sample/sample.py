"""The way in."""

from dataclasses import dataclass
from datetime import datetime

from infra.local.sample.landing import LandingHour
from infra.local.sample.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(Recipe):
    """Landing data by the hour; hours do not depend on each other, so any can be made alone, anywhere."""

    def hour(self, start: datetime) -> LandingHour:
        """Return what lands in the UTC hour that begins then."""
        return LandingHour(self, start)
