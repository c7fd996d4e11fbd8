"""Who may import what, as far as the import linter cannot tell: it takes all of ``azure`` for one package."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
MODULES = [PROJECT / "function_app.py", *sorted((PROJECT / "exporter").rglob("*.py"))]


def imports(module: Path) -> Iterator[str]:
    """Yield the full names of what a module imports, wherever in it."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(PROJECT)))
def test_functions_are_known_to_http_and_queues_and_storage_to_storage(module: Path) -> None:
    """The bindings and the SDKs stay at the rim, each at its own."""
    place = module.relative_to(PROJECT).parts
    azure = {name for name in imports(module) if name.split(".")[0] == "azure"}
    functions = {name for name in azure if name.startswith("azure.functions")}

    if place[0] == "function_app.py" or place[:2] in {("exporter", "http"), ("exporter", "queues")}:
        assert azure <= functions
    elif place[:2] == ("exporter", "storage"):
        assert not functions
    else:
        assert not azure


def test_the_app_imports_its_triggers_and_what_prepares_the_process() -> None:
    """function_app.py registers blueprints; the way on from there leads to the triggers."""
    names = set(imports(PROJECT / "function_app.py"))

    assert {name for name in names if not name.startswith(("exporter.http.", "exporter.queues."))} == {
        "azure.functions",
        "exporter.wiring",
    }
