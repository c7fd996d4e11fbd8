"""The tests of the console's parts without a page, which Node.js runs: exporter/console/test."""

import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
MODULES = PROJECT / "node_modules"
NODE = shutil.which("node") or ""
TESTS = sorted((PROJECT / "exporter/console/test").glob("*.test.ts"))

pytestmark = pytest.mark.skipif(
    not (NODE and (MODULES / "esbuild").exists()),
    reason="the console's tools are not installed: run make setup, with Node.js 22",
)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_the_parts_of_the_console_work(path: Path, tmp_path: Path) -> None:
    """Bundled as for the browser, and run by Node.js."""
    bundle = tmp_path / f"{path.stem}.mjs"
    build = [str(MODULES / "esbuild/bin/esbuild"), str(path), "--bundle", "--platform=node", "--format=esm"]
    made = subprocess.run(  # noqa: S603  a program of this project
        [NODE, *build, f"--outfile={bundle}", "--log-level=warning"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr

    done = subprocess.run(  # noqa: S603  as above
        [NODE, "--test", str(bundle)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
