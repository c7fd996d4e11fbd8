"""Runs shell blocks of the guides with tools that note each call, and checks the calls.

``az``, ``func``, ``azd`` and ``gh`` are checked against the tools' own arguments, ``curl`` against the routes
of the API. What cannot run here is answered: ids, outputs of a deployment.
"""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra.openapi.document import as_json
from tests.infra.az_arguments import PROJECT
from tests.infra.az_arguments import TABLE as AZ_TABLE
from tests.infra.templates import text
from tests.infra.tools_arguments import TABLE

AZ: dict[str, dict[str, bool]] = json.loads(AZ_TABLE.read_text())["commands"]
ROUTES: dict[str, dict[str, Any]] = json.loads(as_json())["paths"]
OUTPUTS = re.findall(r"^output (\w+) ", text("main.bicep"), re.MULTILINE)
TOOLS = ("az", "func", "azd", "gh", "curl", "infra/cli/blob-exporter")
# Between arguments, and behind a call: a call may have several lines.
_ARGUMENT, _CALL = "\x1f", "\x1e"
_RECORDER = r"""#!/bin/sh
{ printf '%s\037' 'TOOL' "$@"; printf '\036'; } >> "$ASKED"
case "$*" in
  "deployment sub show"*) cat "$OUTPUTS" ;;
  "group exists"*) echo false ;;
  *"--output tsv"*) echo an-id ;;
esac
"""


def blocks(guide: str) -> list[str]:
    """Return the shell blocks of a guide, also those within lists."""
    found = re.findall(r"^ *```sh\n(.*?)```", (PROJECT / guide).read_text(), re.DOTALL | re.MULTILINE)
    assert found, guide
    return [str(each) for each in found]


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of a tool, as the shell made it."""

    tool: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join((self.tool, *self.arguments))

    def objection(self) -> str | None:
        """Return what the tool would say against it."""
        if self.tool == "curl":
            return self._objection_of_api()
        if self.tool not in {"az", *TABLE}:
            return None
        commands: dict[str, Any] = AZ if self.tool == "az" else TABLE[self.tool]["commands"]
        counts = range(len(self.arguments), 0, -1)
        command = next(
            (name for count in counts if (name := " ".join(self.arguments[:count])) in commands), None
        )
        if command is None:
            return "no such command"
        given = {each for each in self.arguments if re.fullmatch(r"--[a-z][\w-]*|-[a-zA-Z]", each)}
        if unknown := given - set(commands[command]):
            return f"no such option of {command}: {unknown}"
        needed = (
            {name for name, required in commands[command].items() if required} if self.tool == "az" else set()
        )
        return f"{command} needs {needed - given}" if needed - given else None

    def _objection_of_api(self) -> str | None:
        arguments = list(self.arguments)
        method = arguments[arguments.index("-X") + 1] if "-X" in arguments else "GET"
        (url,) = (each for each in arguments if each.startswith("http"))
        _, _, path = urlsplit(url).path.partition("/api")
        for route, operations in ROUTES.items():
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), path) and method.lower() in operations:
                break
        else:
            return f"the API has no {method} {path}"
        if "-d" in arguments and not (body := arguments[arguments.index("-d") + 1]).startswith("@"):
            json.loads(body)
        return None


def run(scripts: list[str], folder: Path, **variables: str) -> list[Asked]:
    """Run blocks in one shell, where an unknown variable is an error, and return the calls of the tools."""
    answer = {name: {"value": f"the-{name}"} for name in OUTPUTS} | {
        "outboundAddresses": {"value": ["a", "b"]},
        "apiUrl": {"value": "https://exporter.example/api"},
    }
    (folder / "outputs.json").write_text(json.dumps(answer))
    for tool in TOOLS:
        path = folder / tool
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_RECORDER.replace("TOOL", tool))
        path.chmod(0o755)
    subprocess.run(  # noqa: S603  the project's own guides
        ["/bin/sh", "-euc", "\n".join(scripts)],
        cwd=folder,
        env={
            "PATH": f"{folder}:{Path(sys.executable).parent}:/usr/bin:/bin",
            "ASKED": str(folder / "asked"),
            "OUTPUTS": str(folder / "outputs.json"),
        }
        | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    calls = (folder / "asked").read_text().split(_CALL)[:-1]
    asked = [each.removesuffix(_ARGUMENT).split(_ARGUMENT) for each in calls]
    return [Asked(tool, tuple(arguments)) for tool, *arguments in asked]
