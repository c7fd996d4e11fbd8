"""One Azurite for each test process, started when the first test asks for it; and what tests run on."""

from collections.abc import Iterator

import pytest

from infra.local.azurite import Endpoints, running
from tests.contract.backends import AzuriteBackend, Backend, TwinBackend, azurite_backend
from tests.contract.servers import Answer, Server, Talker, answering, talking


@pytest.fixture(scope="session")
def endpoints() -> Iterator[Endpoints]:
    """Run an Azurite for the whole session; tests keep apart by the names they use."""
    with running() as started:
        yield started


@pytest.fixture
def azurite(endpoints: Endpoints) -> Iterator[AzuriteBackend]:
    """Give a test the real gateways."""
    with azurite_backend(endpoints) as backend:
        yield backend


@pytest.fixture(params=["twin", "azurite"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Run a test twice: on the twins, and on the real gateways."""
    if request.param == "twin":
        return TwinBackend()
    real: AzuriteBackend = request.getfixturevalue("azurite")
    return real


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Run a server that gives one answer to everything."""
    with answering(Answer(200)) as started:
        yield started


@pytest.fixture(scope="module")
def talker() -> Iterator[Talker]:
    """Run a server that says anything."""
    with talking() as started:
        yield started
