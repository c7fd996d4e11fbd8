import itertools
from collections.abc import Iterator

import pytest
from azure.storage.blob import ContainerClient

from infra.local import azurite


@pytest.fixture(scope="session")
def connection_string() -> Iterator[str]:
    """Start an Azurite for all tests and return its connection string."""
    with azurite.running() as endpoints:
        yield endpoints.connection_string


_numbers = itertools.count()


@pytest.fixture
def container(connection_string: str) -> Iterator[ContainerClient]:
    """Create an empty container for a test."""
    name = f"landing-{next(_numbers)}"
    with ContainerClient.from_connection_string(connection_string, name) as client:
        client.create_container()
        yield client
