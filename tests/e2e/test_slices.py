"""A large hour that several hosts stage at once: the same files, byte for byte, as from one host."""

import re
from contextlib import ExitStack

import pytest

from infra.local.sample import DataType, Fault, Sample
from tests.support.customer_files import contents
from tests.support.installation import App, Installation, Json

SLICES = 20
HOSTS = 4
# Each landing blob is more than half a part, so that each is a slice.
SAMPLE = Sample(
    events_per_hour=60_000,
    merges_per_hour=0,
    blobs_per_hour=SLICES,
    faults=frozenset({Fault.DUPLICATES_ACROSS_BLOBS, Fault.DUPLICATES_IN_BLOB, Fault.NOT_JSON}),
)
# As operators of large hours set it. Otherwise a host takes twelve messages, and two hosts take all.
QUEUES = "AzureFunctionsJobHost__extensions__queues__"
ONE_EACH = {f"{QUEUES}batchSize": "1", f"{QUEUES}newBatchThreshold": "0"}
STAGED = re.compile(r"export_hour: succeeded")


def exported(installation: Installation, name: str, apps: list[App]) -> Json:
    """Export the hour to a destination with some hosts; return the ledger's row."""
    (start,) = installation.newest_hours(1)
    apps[0].activate(installation.destination(name, SAMPLE, start, (DataType.EVENTS,), max_part_mib=1))
    apps[0].tick()
    (hour,) = apps[0].exported(name, [start])
    return hour


@pytest.mark.slow
def test_twenty_slices_on_four_hosts_are_as_from_one(installation: Installation) -> None:
    """And each of the four has staged a slice."""
    (start,) = installation.newest_hours(1)
    installation.land(SAMPLE.hour(start).files(DataType.EVENTS))
    with ExitStack() as hosts:
        apps = [hosts.enter_context(installation.app(**ONE_EACH)) for _ in range(HOSTS)]
        by_four = exported(installation, "four", apps)
        staged = [len(STAGED.findall(app.log)) for app in apps]
    with installation.app() as app:
        by_one = exported(installation, "one", [app])

    truth = SAMPLE.hour(start).truth()
    four, one = (contents(installation.container(name)) for name in ("four", "one"))
    assert four == one
    assert len(four) > SLICES
    same = ("status", "rows", "parts")
    assert {key: by_four[key] for key in same} == {key: by_one[key] for key in same}
    assert by_one["rows"]["exported"] == len(list(truth.event_ids()))
    assert min(staged) >= 2
    assert sum(staged) >= SLICES
