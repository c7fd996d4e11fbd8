"""The browser of the tests: the system's Chromium, else the one that Playwright installs."""

import shutil
from contextlib import suppress

from playwright.sync_api import Browser, Error, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A container has neither the kernel's rights for the sandbox nor a graphics card.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
INSTALL = ("-m", "playwright", "install", "--with-deps", "chromium")
NO_BROWSER = (
    "no Chromium starts, and the tests of the console are left out. Install it:"
    f" apt-get install chromium, or .venv/bin/python {' '.join(INSTALL)}"
)


def launched(playwright: Playwright) -> Browser | None:
    """Start a browser; None if there is none."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    with suppress(Error):
        return playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
    return None
