"""``GET /status``: the app in depth, for the one who operates it."""

from http import HTTPStatus
from typing import Annotated, TypedDict

import azure.functions as func

from exporter import __version__, wiring
from exporter.domain.errors import LandingMissing, Transient
from exporter.domain.last_tick import LAST, LastTick
from exporter.http.health import missing_landing
from exporter.http.responses import ErrorView, answer
from exporter.http.routing import Operation, nothing, operation
from exporter.http.schemas import Moment, SchemaHint, time_text
from exporter.key_rotation import Kind, SecretsLeft, secrets_left
from exporter.messages import WORK_QUEUES
from exporter.pipeline.row_reader import RowReader, row_reader
from exporter.ports import Gateways
from exporter.wiring import App

blueprint = func.Blueprint()


class LastTickView(TypedDict):
    """The last tick of the timer: when it began, and what it found.

    Of the ``due`` hours, ``queued`` were queued. ``behind`` is a number of streams, ``failing`` one of
    destinations, ``failed_parts`` one of parts of the tick that had an error: the log has each of them.
    """

    at: Moment
    due: int
    queued: int
    behind: int
    failing: int
    failed_parts: int


class QueueView(TypedDict):
    """A queue: about how many messages wait or are worked on, and how many were given up.

    Messages that were given up are logged and removed within seconds: those that stay are a sign that no
    function runs.
    """

    name: str
    waiting: int
    poison: int


class SettingView(TypedDict):
    """A setting as it is in effect. Of a secret only that it is set."""

    name: str
    value: str


class SecretsLeftView(TypedDict):
    """The secrets of all destinations, or of all sources, that are not encrypted with the first key.

    ``left`` secrets need an earlier key; each tick encrypts some of them with the first one. ``unreadable``
    are the ids of those with a secret that no key decrypts: it has to be put again.
    """

    left: int
    unreadable: list[str]


class KeyRotationView(TypedDict):
    """How far a change of SECRETS_KEY is: if both have none left, the earlier keys can be removed."""

    destinations: SecretsLeftView
    sources: SecretsLeftView


class StatusView(TypedDict):
    """The state of the app.

    ``last_tick`` is null before the first tick; it, ``queues`` and ``key_rotation`` are null if the own
    storage of the exporter cannot be reached. ``problems`` are settings to be corrected. ``key_rotation`` is
    null while SECRETS_KEY has one key. ``outbound_addresses`` are those of the setting OUTBOUND_ADDRESSES,
    null if they are not known.
    """

    at: Moment
    version: Annotated[str, SchemaHint(description="The version of the exporter.")]
    row_reader: RowReader
    storage_reached: bool
    problems: list[ErrorView]
    last_tick: LastTickView | None
    queues: list[QueueView] | None
    key_rotation: KeyRotationView | None
    settings: list[SettingView]
    outbound_addresses: list[str] | None


@operation(
    blueprint,
    Operation(name="status", method="GET", route="status", answers={HTTPStatus.OK: StatusView}),
    parse=nothing,
)
def status(_: func.HttpRequest, __: None) -> func.HttpResponse:
    """Return version, last tick, lengths of queues, effective settings, and whether storage is reached."""
    return answer(status_view(wiring.app()))


def status_view(app: App) -> StatusView:
    """Return the state of the app. Storage that cannot be reached is a part of it, and no error."""
    settings = app.settings
    view: StatusView = {
        "at": time_text(wiring.now()),
        "version": __version__,
        "row_reader": row_reader(),
        "storage_reached": True,
        "problems": [],
        "last_tick": None,
        "queues": None,
        "key_rotation": None,
        "settings": [{"name": name, "value": value} for name, value in settings.shown().items()],
        "outbound_addresses": list(settings.outbound_addresses) or None,
    }
    try:
        # An unreadable note counts as none: the next tick replaces it.
        last = app.gateways.ticks.all().get(LAST)
        view["last_tick"] = _last_tick_view(last) if last else None
        lengths = app.queues.lengths()
        view["queues"] = [
            {"name": each.name, "waiting": lengths[each.name], "poison": lengths[each.poison]}
            for each in WORK_QUEUES
        ]
        if len(settings.secrets_keys) > 1:
            view["key_rotation"] = _key_rotation_view(app.gateways)
        missing = missing_landing(app.gateways.landing, app.gateways.schedule)
        view["problems"] = _problems(missing)
    except Transient:
        view["storage_reached"] = False
    return view


def _problems(missing: LandingMissing | None) -> list[ErrorView]:
    problems = missing.problems if missing else ()
    return [{"field": each.field, "message": each.message} for each in problems]


def _key_rotation_view(gateways: Gateways) -> KeyRotationView:
    left = secrets_left(gateways)
    return {
        "destinations": _secrets_left_view(left[Kind.DESTINATION]),
        "sources": _secrets_left_view(left[Kind.SOURCE]),
    }


def _secrets_left_view(left: SecretsLeft) -> SecretsLeftView:
    return {"left": left.count, "unreadable": list(left.unreadable)}


def _last_tick_view(tick: LastTick) -> LastTickView:
    return {
        "at": time_text(tick.at),
        "due": tick.due,
        "queued": tick.queued,
        "behind": tick.behind,
        "failing": tick.failing,
        "failed_parts": tick.failed_parts,
    }
