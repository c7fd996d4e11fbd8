"""Fixtures: an installation of the app for one test, or for all tests of a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installation import Installation, installed


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Yield an installation for one test."""
    with installed(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Yield an installation for all tests of a file. Each test uses other destinations."""
    with installed(tmp_path_factory.mktemp("installation")) as found:
        yield found
