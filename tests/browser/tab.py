"""A tab of the browser that shows the console, and that notes everything that must not happen."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, expect

# The machine may be busy with other tests.
MILLISECONDS_MAX = 15_000
expect.set_options(timeout=MILLISECONDS_MAX)
# Set before the page's own script: violations of the content policy are events.
_NOTE_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
# The browser itself notes an answer with an error status, and a request without an answer.
_OF_ANSWERS = "Failed to load resource"


class Tab:
    """A tab. ``messages`` are those of the browser's console, ``requests`` everything that was asked for."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.origin = origin
        self.page: Page = context.new_page()
        self.page.set_default_timeout(MILLISECONDS_MAX)
        self.messages: list[str] = []
        self.requests: list[Request] = []
        self.page.add_init_script(_NOTE_VIOLATIONS)
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request))  # noqa: PLW0108  it sets an attribute

    def open(self, address: str = "#/") -> None:
        """Load the console and show a page of it."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.origin}/console/{address}")

    def title(self, text: str) -> Locator:
        """Wait for the page with this title."""
        found = self.page.get_by_role("heading", level=1, name=text, exact=True)
        expect(found).to_be_visible()
        return found

    def ask_again(self) -> None:
        """Let the page ask the API now, as it does after a while."""
        self.page.evaluate("window.dispatchEvent(new Event('online'))")

    def focused(self) -> str:
        """Return the name of the element with the focus; fail unless the focus can be seen."""
        outline, name = self.page.evaluate(
            """() => {
                const found = document.activeElement;
                const name = found.getAttribute("aria-label") ?? found.textContent.trim();
                // Beyond the last element, the focus leaves the page.
                if (found === document.body) return ["auto", "(the browser)"];
                return [getComputedStyle(found).outlineStyle, name || found.outerHTML.slice(0, 80)];
            }"""
        )
        assert outline not in {"none", ""}, f"the focus cannot be seen: {name}"
        return str(name)

    def press_until(self, key: str, name: str, most: int = 60) -> None:
        """Press a key until the element with this name has the focus."""
        for _ in range(most):
            self.page.keyboard.press(key)
            if self.focused() == name:
                return
        raise AssertionError(f"{key} does not lead to {name}")

    def check(self) -> None:
        """Fail if the page asked another origin, broke its policy, or wrote to the browser's console."""
        asked = [each.url for each in self.requests if not each.url.startswith(("about:", "data:"))]
        assert [url for url in asked if not url.startswith(f"{self.origin}/")] == []
        assert [text for text in self.messages if _OF_ANSWERS not in text] == []
        assert self.violations() == []

    def violations(self) -> list[str]:
        """Return the violations of the content policy since the page was loaded."""
        found: list[str] = self.page.evaluate("window.violations")
        return found


@contextmanager
def opened(browser: Browser, origin: str, **options: Any) -> Iterator[Tab]:  # noqa: ANN401  the browser's options
    """Yield a tab with a storage of its own; nothing is loaded yet."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    try:
        yield Tab(context, origin)
    finally:
        context.close()
