"""Several hosts of one app on one storage account: one of them at a time runs a timer."""

import signal
import time

import pytest

from tests.local_host.host_process import StartHost, eventually

EVERY_SECOND = "* * * * * *"


@pytest.mark.slow
def test_of_two_hosts_one_fires_and_the_other_takes_over_from_a_crash(start_host: StartHost) -> None:
    """No occurrence runs twice. After a kill -9, the lock ends within half a minute."""
    hosts = [start_host(settings={"SCHEDULE": EVERY_SECOND}) for _ in range(2)]
    eventually(lambda: hosts[0].notes("tick"))
    assert hosts[1].notes("tick") == []

    hosts[0].stop(signal.SIGKILL)
    killed = time.monotonic()
    eventually(lambda: hosts[1].notes("tick"), seconds=30)

    assert time.monotonic() - killed < 30
    seconds = [int(note["at"]) for host in hosts for note in host.notes("tick")]
    assert len(set(seconds)) == len(seconds)


def test_a_host_that_stops_hands_its_timers_over(start_host: StartHost) -> None:
    """The other host does not wait until the lock ends."""
    hosts = [start_host(settings={"SCHEDULE": EVERY_SECOND}) for _ in range(2)]
    eventually(lambda: hosts[0].notes("tick"))

    assert hosts[0].stop() == 0

    eventually(lambda: hosts[1].notes("tick"), seconds=8)
