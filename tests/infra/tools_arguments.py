"""The calls of ``func``, ``azd`` and ``gh`` in guides, workflows, hooks and code, and what the tools take.

``tools_arguments.json`` is written by hand from the tools' own references, which it names: the tools cannot
be installed everywhere.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.infra.az_arguments import GUIDES, OPTION, PROJECT, WORKFLOWS, rest_of_call

TABLE: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_suffix(".json").read_text())
HOOKS = sorted((PROJECT / "infra/azure").glob("*.sh")) + sorted((PROJECT / "infra/azure").glob("*.ps1"))
SCRIPTS = [*WORKFLOWS, *HOOKS, PROJECT / "Makefile", PROJECT / "azure.yaml"]
SOURCES = sorted((PROJECT / "infra/local").rglob("*.py"))
_CALL = re.compile(rf"(?<![\w./-])({'|'.join(TABLE)}) (?=[a-z])")
_WORD = re.compile(r"[a-z][a-z-]*(?![\w])")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool: where it is, the command (empty: the tool has none of that name), its options."""

    place: str
    tool: str
    command: str
    options: tuple[str, ...]


def calls() -> Iterator[Call]:
    """Yield every call of the three tools."""
    for path in GUIDES:
        text = path.read_text()
        for block in re.findall(r"^ *```sh\n(.*?)```", text, re.DOTALL | re.MULTILINE):
            yield from calls_in(path, block)
        for code in re.findall(r"`([a-z]+ [^`\n]*)`", text):
            yield from calls_in(path, code)
    for path in SCRIPTS:
        yield from calls_in(path, re.sub(r"^\s*(#|- name:).*$", "", path.read_text(), flags=re.MULTILINE))
    for path in SOURCES:
        for quoted in re.findall(r"'((?:func|azd|gh) [^']*)'|``((?:func|azd|gh) [^`]*)``", path.read_text()):
            yield from calls_in(path, "".join(quoted))


def calls_in(path: Path, text: str) -> Iterator[Call]:
    """Yield the calls in a text of the shell."""
    joined = text.replace("\\\n", " ")
    for match in _CALL.finditer(joined):
        rest = rest_of_call(joined[match.end() :])
        words = _WORD.findall(rest.partition(" -")[0])
        known = TABLE[match[1]]["commands"]
        names = (" ".join(words[:count]) for count in range(len(words), 0, -1))
        command = next((name for name in names if name in known), "")
        yield Call(path.name, match[1], command, tuple(OPTION.findall(rest)))
