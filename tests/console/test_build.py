"""The build of the console, and the types of the API that its code is written against."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.openapi.document import as_json

PROJECT = Path(__file__).resolve().parents[2]
CONSOLE = PROJECT / "exporter/console"
MODULES = PROJECT / "node_modules"
NODE = shutil.which("node") or ""

pytestmark = pytest.mark.skipif(
    not (NODE and (MODULES / "esbuild").exists()),
    reason="the console's tools are not installed: run make setup, with Node.js 22",
)


def run(*arguments: str, text: str = "", folder: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    """Run a Node.js program."""
    return subprocess.run(  # noqa: S603  programs of this project
        [NODE, *arguments], cwd=folder, input=text, capture_output=True, text=True, check=False
    )


def test_the_types_of_the_api_are_those_of_its_document(tmp_path: Path) -> None:
    """After a change of the API, make api-types has to run; then the type checker finds what does not fit."""
    written = tmp_path / "schema.d.ts"
    done = run(str(MODULES / "openapi-typescript/bin/cli.js"), "--output", str(written), text=as_json())

    assert done.returncode == 0, done.stderr
    assert written.read_text() == (CONSOLE / "src/api/schema.d.ts").read_text(), "run make api-types"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the console in a copy of its folder."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(CONSOLE, folder / "console", ignore=shutil.ignore_patterns("static"))
    (folder / "node_modules").symlink_to(MODULES)
    done = run(str(folder / "console/build.mjs"))
    assert done.returncode == 0, done.stderr
    return folder / "console/static"


def test_the_page_names_the_built_files_and_no_others(built: Path) -> None:
    """All of them are relative, have a hash in their names, and have a compressed twin."""
    page = (built / "index.html").read_text()
    named = set(re.findall(r'(?:src|href)="([^"]+)"', page))

    assert len(named) == 3
    assert {path.name for path in built.iterdir()} == {
        f"{name}{end}" for name in {*named, "index.html"} for end in ("", ".gz")
    }
    assert all(re.fullmatch(r"[a-z]+-[0-9A-F]{8}\.[a-z]+", name) for name in named)


def test_the_page_has_no_script_and_no_style_of_its_own(built: Path) -> None:
    """The policy of its answers forbids them."""
    page = (built / "index.html").read_text()

    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page) == []


def test_all_of_it_is_small(built: Path) -> None:
    """60 kB compressed."""
    assert sum(path.stat().st_size for path in built.glob("*.gz")) <= 60_000


def test_a_build_that_is_too_large_fails(built: Path) -> None:
    """So nobody has to look at the number."""
    folder = built.parent
    limit = "const COMPRESSED_BYTES_MAX = 60_000;"
    script = (folder / "build.mjs").read_text()
    assert limit in script
    (folder / "small.mjs").write_text(script.replace(limit, "const COMPRESSED_BYTES_MAX = 1_000;"))

    done = run(str(folder / "small.mjs"))

    assert done.returncode == 1
    assert "more than 1,000 bytes" in done.stderr


def test_no_code_of_the_console_writes_html() -> None:
    """Texts of rows and names are texts, whatever is in them; the key is kept nowhere but in the session."""
    forbidden = ("innerHTML", "outerHTML", "insertAdjacentHTML", "dangerouslySet", "document.write", "eval(")
    for path in sorted((CONSOLE / "src").rglob("*.ts*")):
        text = path.read_text()
        assert [word for word in forbidden if word in text] == [], path
        assert "http://" not in text, path


def test_the_tools_are_pinned() -> None:
    """So the same source gives the same bytes."""
    wanted = json.loads((PROJECT / "package.json").read_text())["devDependencies"]

    assert {"preact", "@preact/signals", "esbuild", "typescript", "openapi-typescript"} <= wanted.keys()
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
