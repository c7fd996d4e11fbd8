"""Installations of the app: one for a test, or one that all tests of a file share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installation import Installation, installed


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Return an installation that no other test knows."""
    with installed(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Return an installation that the tests of a file share; each has destinations of its own."""
    with installed(tmp_path_factory.mktemp("installation")) as found:
        yield found
