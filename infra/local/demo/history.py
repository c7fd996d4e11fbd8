"""What the console shows of an exporter that has run for weeks: a past, and destinations that need a person.

It is made while the app is served, after the table: the grid of hours fills before the eyes of a person.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from azure.storage.blob import ContainerClient

from infra.local.api import Api
from infra.local.demo import customers
from infra.local.demo.expected import expect
from infra.local.sample import LandingHour, Sample, to_container

DAYS = 20
# Fewest at midnight, most at noon, so that the grid has shades.
EVENTS_AT_NIGHT = 20
EVENTS_MORE_EACH_HOUR = 25


def earlier_hours(first: datetime) -> Iterator[LandingHour]:
    """Yield small hours of the days before an hour, in order."""
    for number in range(DAYS * 24, 0, -1):
        start = first - timedelta(hours=number)
        events = EVENTS_AT_NIGHT + EVENTS_MORE_EACH_HOUR * min(start.hour, 23 - start.hour)
        yield Sample(events_per_hour=events, merges_per_hour=2, blobs_per_hour=1, real_shaped=True).hour(
            start
        )


def land(landing: ContainerClient, first: datetime) -> None:
    """Write the earlier hours into the landing container."""
    to_container(landing, (file for hour in earlier_hours(first) for file in hour))


def start_backfills(api: Api, first: datetime) -> None:
    """Ask for the earlier hours of each destination that is well."""
    start, end = (f"{moment:%Y-%m-%dT%H}" for moment in _span(first))
    for customer in customers.ALL:
        path = f"/destinations/{customer.id}/backfills"
        expect(api.post(path, {"start": start, "end": end}), 202)


def make_a_paused_destination(api: Api, hour: LandingHour, accounts: customers.Accounts) -> None:
    """Create one with a filter, which a person has paused."""
    _activate(api, customers.PAUSED, hour, accounts)
    expect(api.post(f"/destinations/{customers.PAUSED.id}/pause"), 200)


def make_a_failing_destination(api: Api, hour: LandingHour, accounts: customers.Accounts) -> None:
    """Create one whose container is replaced after it is activated; the next tick finds out."""
    _activate(api, customers.FAILING, hour, accounts)
    account = accounts.of(customers.FAILING)
    account.create_container(customers.MOVED)
    account.delete_container(customers.FAILING.container)
    expect(api.fire("tick"), 202)


def _activate(
    api: Api, customer: customers.Customer, hour: LandingHour, accounts: customers.Accounts
) -> None:
    customers.pretend_activated_before(hour, accounts.connection_string, [customer])
    accounts.of(customer).create_container(customer.container)
    path = f"/destinations/{customer.id}"
    expect(api.put(path, customer.request(hour, accounts)), 201)
    expect(api.post(f"{path}/test-upload"), 200)
    expect(api.post(f"{path}/activate"), 200)


def _span(first: datetime) -> tuple[datetime, datetime]:
    """Return the first and the last of the earlier hours."""
    return first - timedelta(days=DAYS), first - timedelta(hours=1)
