"""Gateways to a real account, as far as ticks need them; the rest is the twin's."""

from dataclasses import replace

from exporter.ports import Gateways
from exporter.storage.clients import Account
from exporter.storage.own.breakers import BreakersTable
from exporter.storage.own.destinations import DestinationsTable
from exporter.storage.own.landing import LandingContainer
from exporter.storage.own.ledger import LedgerTable
from exporter.storage.own.queues import ExportQueue
from exporter.storage.own.reopened import ReopenedTable
from exporter.storage.own.schedule import ScheduleTable
from tests.fakes import World


def gateways_for_ticks(account: Account) -> Gateways:
    """Return them."""
    return replace(
        World().gateways,
        landing=LandingContainer(account),
        ledger=LedgerTable(account),
        schedule=ScheduleTable(account),
        reopened=ReopenedTable(account),
        breakers=BreakersTable(account),
        destinations=DestinationsTable(account),
        hours=ExportQueue(account),
    )
