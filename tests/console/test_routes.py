"""The addresses of the console, and the tests that show each of them."""

import re
from pathlib import Path

from tests.browser.states import ELSEWHERE, PAGES

CONSOLE = Path(__file__).resolve().parents[2] / "exporter/console"


def test_every_address_of_the_console_is_among_the_pages() -> None:
    """A new page is checked, too."""
    routes = (CONSOLE / "src/routes.ts").read_text()

    assert set(re.findall(r'pattern: "([^"]+)"', routes)) == PAGES.keys() | ELSEWHERE
