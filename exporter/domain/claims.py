"""Claims: which worker works on an hour or on a slice of one, and until when no other worker may."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

# The work of a dead worker is free again after this time at the latest; a living worker renews its claim
# three times as often.
LEASE = timedelta(seconds=90)
RENEW_EVERY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work until a moment. ``id`` is unique to one attempt."""

    id: str
    until: datetime

    @classmethod
    def begun(cls, claim_id: str, now: datetime) -> "Claim":
        """Return a claim that begins now."""
        return cls(claim_id, now + LEASE)

    def renewed(self, now: datetime) -> "Claim":
        """Return the claim, to end one lease from now."""
        return replace(self, until=now + LEASE)

    def ends_in(self, now: datetime) -> timedelta:
        """Return after how long the claim ends unless it is renewed: one lease at most.

        A holder whose clock is ahead writes a later end.
        """
        return min(self.until - now, LEASE)
