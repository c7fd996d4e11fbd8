"""Parts of the console without a page, tested in Node.js: exporter/console/test."""

import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
TESTS = sorted((PROJECT / "exporter/console/test").glob("*.test.mjs"))
ESBUILD = PROJECT / "node_modules/esbuild/bin/esbuild"
NODE = shutil.which("node") or ""

pytestmark = pytest.mark.skipif(
    not (NODE and ESBUILD.exists()),
    reason="the console's tools are not installed: run make setup, with Node.js 22",
)


def test_there_are_tests() -> None:
    """Otherwise none would run, and none would fail."""
    assert TESTS


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_the_parts_of_the_console(path: Path, tmp_path: Path) -> None:
    """Bundled as the page is, because Node.js does not read TypeScript."""
    bundle = tmp_path / path.name
    build = [str(ESBUILD), str(path), "--bundle", "--platform=node", "--format=esm", f"--outfile={bundle}"]
    made = subprocess.run(  # noqa: S603  a program of this project
        [*build, "--jsx=automatic", "--jsx-import-source=preact", "--log-level=warning"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr

    done = subprocess.run(  # noqa: S603  a program of this project
        [NODE, "--test", str(bundle)], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
