"""Whether landing is where the setting says."""

from exporter.domain.errors import LandingMissing
from exporter.ports import Gateways


def missing_landing(gateways: Gateways) -> LandingMissing | None:
    """Return what is wrong if landing is not there, though streams of it are known.

    Where none is known yet, the next tick makes it.
    """
    try:
        gateways.landing.check()
    except LandingMissing as missing:
        known = gateways.schedule.all()
        return missing if known or known.unreadable else None
    return None
