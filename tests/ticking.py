"""Gateways to a real account, as far as ticks need them; the rest is the twin's."""

from dataclasses import replace

from exporter.actions.ports import Gateways
from exporter.storage.accounts import Account
from exporter.storage.destinations import DestinationsTable
from exporter.storage.landing import LandingContainer
from exporter.storage.ledger import LedgerTable
from exporter.storage.queues import ExportQueue
from exporter.storage.reopened import ReopenedTable
from exporter.storage.schedule import ScheduleTable
from exporter.storage.standings import StandingsTable
from tests.fakes import World


def gateways_for_ticks(account: Account) -> Gateways:
    """Return them."""
    return replace(
        World().gateways,
        landing=LandingContainer(account),
        ledger=LedgerTable(account),
        schedule=ScheduleTable(account),
        reopened=ReopenedTable(account),
        standings=StandingsTable(account),
        destinations=DestinationsTable(account),
        hours=ExportQueue(account),
    )
