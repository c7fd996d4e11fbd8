"""Fixtures: one Azurite for all tests of a process; a folder, a queue and a host id for each test."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from infra.local import azurite
from tests.local_host.host_process import StartHost, starting_hosts

_numbers = itertools.count()


@pytest.fixture(scope="session")
def storage() -> Iterator[str]:
    """Start an Azurite and return its connection string."""
    with azurite.running() as endpoints:
        yield endpoints.connection_string


@pytest.fixture
def queue(storage: str) -> Iterator[QueueClient]:
    """Return a client for a queue that does not exist yet. Each test has another queue."""
    with QueueClient.from_connection_string(
        storage, f"test-{next(_numbers)}", message_encode_policy=TextBase64EncodePolicy()
    ) as client:
        yield client


@pytest.fixture
def start_host(storage: str, queue: QueueClient, tmp_path: Path) -> Iterator[StartHost]:
    """Return a function that starts hosts with the same storage, queue and host id. The test ends them."""
    with starting_hosts(storage, queue.queue_name, tmp_path) as start:
        yield start
