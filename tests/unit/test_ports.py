"""The ports: the simulation knows of every method whether it writes."""

import inspect

import pytest

from exporter import ports
from tests.simulation.actors import WRITES

PORTS = [
    each
    for _, each in inspect.getmembers(ports, inspect.isclass)
    if each.__module__ == ports.__name__ and getattr(each, "_is_protocol", False)
]
# Everything else that a port can be asked: after such a call, storage is as it was before.
READS = frozenset(
    {
        *("states", "size", "read_range", "due", "ask"),
        *("get", "all", "of", "unfinished", "active", "between", "states", "figures", "names_version"),
        *(
            "page",
            "last_test",
            "last_tests",
            "waiting",
            "oldest",
            "read",
            "names",
            "find",
            "stream",
            "blobs",
            "blobs_of_day",
            "reading",
        ),
        *("earliest_hour", "sources", "survey", "check", "sign_in", "arrived"),
        # Nothing is written before a block is staged; a container is opened without a call.
        *("upload", "open", "anew"),
        # It writes at its first call alone, and to call it again does no harm.
        "identity",
    }
)
# Not interrupted by the simulation: secrets and webhooks, which are no storage, and the set-up of landing.
APART = frozenset({"seal", "renew", "is_current", "post", "create"})


def methods(port: type) -> set[str]:
    """Return the names of a port's methods."""
    return {name for name, _ in inspect.getmembers(port, inspect.isfunction) if not name.startswith("_")}


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
def test_every_method_is_a_read_or_a_write(port: type) -> None:
    """A write that is taken for a read would never be sent twice, nor lose its answer, in any world."""
    assert methods(port) - READS - WRITES - APART == set()


def test_no_method_is_both_or_gone() -> None:
    """Each name stands in one set, and names a method of some port."""
    every = set().union(*map(methods, PORTS))

    assert not (READS & WRITES) | (READS & APART) | (WRITES & APART)
    assert every >= READS | WRITES | APART
