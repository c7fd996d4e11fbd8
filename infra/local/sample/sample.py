"""The entry point: ``Sample``."""

from dataclasses import dataclass
from datetime import datetime

from infra.local.sample.landing import LandingHour
from infra.local.sample.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(Recipe):
    """Landing data by the hour. Hours do not depend on each other: each can be generated alone."""

    def hour(self, start: datetime) -> LandingHour:
        """Return the landing data of the UTC hour that begins at ``start``."""
        return LandingHour(self, start)
