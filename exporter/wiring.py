"""Settings become gateways, gateways become what the actions work with: built once a process, when first needed.

Nothing is built at import: an exception there would leave the host without any function, and without a word.
Here, too, are the only clock and the only source of random ids.
"""

import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from exporter.actions.ports import Gateways
from exporter.settings import Settings

_building = threading.Lock()
_built: "App | None" = None


@dataclass(frozen=True, slots=True)
class App:
    """What the triggers work with."""

    settings: Settings
    gateways: Gateways


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return an id that nobody else has, of 32 hexadecimal digits."""
    return uuid.uuid4().hex


def settings() -> Settings:
    """Return the settings, or raise ``NotConfigured`` with all that is wrong."""
    return Settings.from_environ()


def app() -> App:
    """Return this process's app, or raise ``NotConfigured``; after a failure the next call tries anew."""
    global _built  # noqa: PLW0603  one app a process is what this module is for
    with _building:
        if _built is None:
            _built = _build(settings())
        return _built
