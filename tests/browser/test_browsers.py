"""How the tests find a browser, and what they say where there is none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.browsers import INSTALL, NO_BROWSER

PROJECT = Path(__file__).resolve().parents[2]
# The others only package or release.
TESTING = ("check.yml", "deploy.yml", "slow.yml")


@pytest.fixture(scope="module", autouse=True)
def tidied() -> None:
    """Use no app."""


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python."""
    return subprocess.run(  # noqa: S603  this Python, with arguments of the tests
        [sys.executable, *arguments],
        cwd=PROJECT,
        env={**os.environ, **environment},  # noqa: TID251  the environment of the tests
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_without_a_browser_tests_are_left_out_and_say_how_to_get_one(tmp_path: Path) -> None:
    """A new machine has none; what pytest prints at its end names the command."""
    one = "tests/browser/test_states.py::test_wrong_settings_are_named_on_the_page"
    nothing = {"PATH": str(tmp_path), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path)}
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", one, **nothing)

    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout
    assert NO_BROWSER in done.stdout.replace("\n", " ")


def test_the_command_is_one_that_playwright_knows() -> None:
    """It says what it would install, and from where."""
    with_packages = "--with-deps"
    done = run(*(each for each in INSTALL if each != with_packages), "--dry-run")

    assert done.returncode == 0, done.stderr
    assert "Chrom" in done.stdout
    assert with_packages in run(*INSTALL[:3], "--help").stdout


@pytest.mark.parametrize("name", TESTING)
def test_workflows_that_test_install_the_browser(name: str) -> None:
    """They leave no test out."""
    assert f".venv/bin/python {' '.join(INSTALL)}" in (PROJECT / ".github/workflows" / name).read_text()
