"""The zip that is deployed has the app and nothing else, and is the same for the same state."""

import subprocess
import sys
import zipfile
from pathlib import Path

import yaml

from infra.local.package import PROJECT, packaged, write_package

# The app names its functions when it is imported, as the host's worker does.
COUNT = "import function_app; print(len(function_app.app.get_functions()))"
WORKFLOWS = sorted((PROJECT / ".github/workflows").glob("*.yml"))


def functions(folder: Path) -> str:
    """Return how many functions the app in a folder has."""
    done = subprocess.run(  # noqa: S603  our own code
        [sys.executable, "-c", COUNT], cwd=folder, env={}, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_package_has_the_app_and_nothing_else(tmp_path: Path) -> None:
    """It runs from an empty folder; no test, no guide, no tool, no settings are in it."""
    target = tmp_path / "package.zip"
    write_package(target)
    app = tmp_path / "app"
    with zipfile.ZipFile(target) as package:
        names = package.namelist()
        package.extractall(app)

    assert {name.partition("/")[0] for name in names} == {
        "exporter",
        "function_app.py",
        "host.json",
        "requirements.txt",
    }
    modules = {str(path.relative_to(PROJECT)) for path in (PROJECT / "exporter").rglob("*.py")}
    assert modules <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.endswith(".md")]
    assert functions(app) == functions(PROJECT)


def test_the_same_state_has_the_same_package(tmp_path: Path) -> None:
    """Whatever the time is: its checksum says what it was made of."""
    assert write_package(tmp_path / "a.zip") == write_package(tmp_path / "b.zip")


def test_what_is_ignored_is_a_name_anywhere_or_a_place(tmp_path: Path) -> None:
    """As the tools of Azure read the file; the target itself is not in the package."""
    ignored = "# comment\n\nlocal.settings*.json\n__pycache__/\nexporter/console/src/\n*.md\n"
    (tmp_path / ".funcignore").write_text(ignored + ".funcignore\n")
    for name in (
        "function_app.py",
        "README.md",
        "local.settings.json",
        "exporter/__pycache__/a.pyc",
        "exporter/console/src/app.ts",
        "exporter/console/static/app.js",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")

    assert [each.as_posix() for each in packaged(tmp_path)] == [
        "exporter/console/static/app.js",
        "function_app.py",
    ]
    write_package(tmp_path / "package.zip", tmp_path)
    with zipfile.ZipFile(tmp_path / "package.zip") as package:
        assert "package.zip" not in package.namelist()


def test_every_action_is_pinned_by_its_commit() -> None:
    """A tag can be moved to other code; the comment says which version the commit is."""
    for path in WORKFLOWS:
        yaml.safe_load(path.read_text())
        for line in path.read_text().splitlines():
            if "uses:" in line:
                _, _, reference = line.partition("@")
                commit, _, version = reference.partition(" # ")
                assert len(commit) == 40, line
                assert set(commit) <= set("0123456789abcdef"), line
                assert version.startswith("v"), line
