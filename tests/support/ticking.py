"""Gateways to a real account, as far as ticks need them; the rest is the twin's."""

from dataclasses import replace

from exporter import messages
from exporter.ports import Gateways
from exporter.storage.blocks import BlockPool
from exporter.storage.clients import Account
from exporter.storage.own.blob_store import STATE, BlobContainer
from exporter.storage.own.destinations import DestinationsTable
from exporter.storage.own.landing import LandingContainer
from exporter.storage.own.ledger import LedgerTable
from exporter.storage.own.queues import Queue
from exporter.storage.own.reopened import ReopenedTable
from exporter.storage.own.sources import LateLandingsTable, SourcesTable
from exporter.storage.own.specs import breakers_table, schedule_table
from tests.support.fakes.world import World


def gateways_for_ticks(account: Account) -> Gateways:
    """Return them."""
    return replace(
        World().gateways,
        landing=LandingContainer(account),
        ledger=LedgerTable(account),
        schedule=schedule_table(account),
        reopened=ReopenedTable(account),
        breakers=breakers_table(account),
        destinations=DestinationsTable(account),
        hours=Queue(account, messages.EXPORT_HOURS),
        state=BlobContainer(account, BlockPool(), STATE),
        pulls=replace(World().gateways.pulls, sources=SourcesTable(account), late=LateLandingsTable(account)),
    )
