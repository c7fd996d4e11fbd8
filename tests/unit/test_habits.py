"""The files around the code (requests, hooks, versions, CONTRIBUTING.md) say what the project says."""

import importlib
import itertools
import re
import tomllib
from pathlib import Path

import function_app  # noqa: F401  registers the operations
from exporter import __version__
from exporter.domain.allowed_hosts import AllowedHosts
from exporter.http.routing import OPERATIONS

PROJECT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"`([^`]+)`")
REQUEST = re.compile(r"^(GET|PUT|POST|DELETE) \{\{base\}\}/(\S+)$", re.MULTILINE)


def text(name: str) -> str:
    """Return a file of the project."""
    return (PROJECT / name).read_text()


def requests() -> list[tuple[str, str, str]]:
    """Return method, path with query, and body of each request of docs/requests.http."""
    found = []
    for section in text("docs/requests.http").split("###")[1:]:
        match = REQUEST.search(section)
        assert match, section
        _, _, body = section.partition("\n\n")
        found.append((match[1], match[2], body.strip()))
    return found


def test_every_route_has_a_request_and_every_request_a_route() -> None:
    """Method and path, once each."""
    asked = []
    for method, target, _ in requests():
        path, _, query = target.partition("?")
        matching = [
            declared
            for declared, _ in OPERATIONS.values()
            if declared.method == method and declared.matches(path)
        ]
        assert len(matching) == 1, target
        assert {each.partition("=")[0] for each in query.split("&") if each} <= {
            parameter.name for parameter in matching[0].query
        }
        asked.append((method, matching[0].route))

    assert sorted(asked) == sorted((declared.method, declared.route) for declared, _ in OPERATIONS.values())


def test_the_bodies_of_requests_are_what_the_api_takes() -> None:
    """The models of the API accept each example."""
    for method, target, body in requests():
        operations = (declared for declared, _ in OPERATIONS.values() if declared.method == method)
        declared = next(each for each in operations if each.matches(target.partition("?")[0]))
        assert bool(body) is (declared.body is not None), target
        if declared.body is not None:
            module, _, name = declared.body.partition(":")
            filled = body.replace("{{$dotenv CONNECTION_STRING}}", "AccountName=acme;AccountKey=a2V5")
            filled = re.sub(r"\{\{\$dotenv (?:API|SECRET)_KEY\}\}", "a2V5", filled)
            getattr(importlib.import_module(module), name).model_validate_json(filled, context=AllowedHosts())


def test_one_python_and_one_node_version_everywhere() -> None:
    """In the files of version managers, which the workflows read, and in all instructions."""
    python, node = text(".python-version").strip(), text(".nvmrc").strip()
    container = text(".devcontainer/devcontainer.json")
    workflows = "".join(path.read_text() for path in sorted((PROJECT / ".github/workflows").glob("*.yml")))

    assert f"devcontainers/python:{python}" in container
    assert f'"ghcr.io/devcontainers/features/node:1": {{"version": "{node}"}}' in container
    assert not re.search(r"(python|node)-version:", workflows)
    assert tomllib.loads(text("pyproject.toml"))["project"]["requires-python"].startswith(f">={python},")
    for name in ("README.md", "CONTRIBUTING.md", "Makefile"):
        assert set(re.findall(r"Node\.js (\d+)", text(name))) == {node}, name
    for name in ("README.md", "CONTRIBUTING.md"):
        assert set(re.findall(r"Python (3\.\d+)", text(name))) == {python}, name


def test_the_version_that_the_api_shows_is_the_one_of_the_project() -> None:
    """``GET /api/status`` has it; pyproject.toml is not deployed."""
    assert tomllib.loads(text("pyproject.toml"))["project"]["version"] == __version__


def test_the_hooks_format_and_lint_with_the_versions_of_make_check() -> None:
    """So make check accepts what the hooks accept."""
    pinned = tomllib.loads(text("pyproject.toml"))["dependency-groups"]["dev"]
    ruff = next(each for each in pinned if each.startswith("ruff=="))
    installed = re.findall(r'additional_dependencies: \["(.+)"\]', text(".pre-commit-config.yaml"))

    assert {each for each in installed if each.startswith("ruff")} == {ruff}
    assert all(re.fullmatch(r"[a-z]+==[\d.]+", each) for each in installed)


def test_the_changelog_has_the_sections_that_readers_look_for() -> None:
    """In the form of keepachangelog.com: versions, and in each the kinds of change in a fixed order."""
    changelog = text("CHANGELOG.md")
    versions = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]

    assert versions[0].startswith("[Unreleased]")
    for version in versions:
        sections = re.findall(r"^### (.+)$", version, re.MULTILINE)
        order = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
        assert sections == [each for each in order if each in sections], version.splitlines()[0]


def test_every_module_has_a_test_or_a_line_that_says_where_it_is_tested() -> None:
    """The table of CONTRIBUTING.md has patterns of modules, and tests that exist."""
    lines = (
        text("CONTRIBUTING.md")
        .partition("| Modules of `exporter` | Tested in |\n|---|---|\n")[2]
        .splitlines()
    )
    rows = [
        line.strip("|").split(" | ") for line in itertools.takewhile(lambda line: line.startswith("|"), lines)
    ]
    patterns = {pattern for patterns, _ in rows for pattern in CODE.findall(patterns)}
    modules = {
        path.relative_to(PROJECT / "exporter")
        for path in (PROJECT / "exporter").rglob("*.py")
        if path.name != "__init__.py"
    }
    own = {path for path in modules if (PROJECT / "tests/unit" / path.parent / f"test_{path.name}").exists()}

    assert patterns
    assert [name for _, tests in rows for name in CODE.findall(tests) if not (PROJECT / name).exists()] == []
    assert [each for each in patterns if not any(path.full_match(each) for path in modules)] == []
    assert [path for path in modules - own if not any(path.full_match(each) for each in patterns)] == []
