"""The calls of ``az`` in guides, workflows, code and templates, and what Azure's own tool takes.

``python -m tests.infra.az_arguments /path/to/az`` asks the tool (``pip install azure-cli``) and writes
``az_arguments.json``, so that the tests need neither the tool nor Azure. It asks only what the table does not
have, unless the tool has another version.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_suffix(".json")
GUIDES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
WORKFLOWS = sorted((PROJECT / ".github/workflows").glob("*.yml"))
MESSAGES = sorted((PROJECT / "exporter").rglob("*.py"))
TEMPLATES = sorted((PROJECT / "infra/azure").rglob("*.bicep"))
CONSOLE = sorted((PROJECT / "exporter/console/src").rglob("*.ts*"))
OPTION = re.compile(r"(?<!\S)(--?[a-zA-Z][\w-]*)")
_HELP_LINE = re.compile(r"^    (--[\w-]+(?: --?[\w-]+)*)(.*)$", re.MULTILINE)
# A constant of TypeScript that holds options, and what two texts that are added have between them.
_OPTIONS_OF_CONSOLE = re.compile(r'const (\w+) = "(--[^"\n]*)";')
_ADDED = re.compile(r"[\"'`]\s*\+\s*[\"'`]")
_NAME = re.compile(r"\baz ((?:[a-z][a-z-]*(?: (?=[a-z])|))+)")


@dataclass(frozen=True, slots=True)
class Command:
    """One call: its words, its options, and whether it is whole or only named in a text."""

    place: str
    name: str
    options: tuple[str, ...]
    whole: bool


def commands() -> Iterator[Command]:
    """Yield every call of ``az``."""
    for path in GUIDES:
        text = path.read_text()
        for block in re.findall(r"^ *```sh\n(.*?)```", text, re.DOTALL | re.MULTILINE):
            yield from _calls(path, block, whole=True)
        prose = re.sub(r"^ *```.*?```", "", text, flags=re.DOTALL | re.MULTILINE)
        for code in re.findall(r"`(az [^`]*)`", prose):
            yield from _calls(path, code, whole=False)
    for path in WORKFLOWS:
        # A folded scalar of YAML continues a call on the next line.
        yield from _calls(path, re.sub(r"\n +(?=--)", " ", path.read_text()), whole=True)
    yield from _commands_of_code()


def _commands_of_code() -> Iterator[Command]:
    """Yield the calls in messages, templates and the console."""
    for path in MESSAGES:
        if "az " in (source := path.read_text()):
            for text in _texts(ast.parse(source)):
                yield from _calls(path, text, whole=False)
    for path in TEMPLATES:
        for line in path.read_text().splitlines():
            yield from _calls(path, line, whole=False)
    for path in CONSOLE:
        for text in _texts_of_console(path.read_text()):
            yield from _calls(path, text, whole=True)


def _texts_of_console(source: str) -> Iterator[str]:
    """Yield what TypeScript shows of commands, to the end of the line; what is filled in is an X."""
    for name, options in _OPTIONS_OF_CONSOLE.findall(source):
        source = source.replace(f"${{{name}}}", options)
    source = re.sub(r"\$\{(?:[^{}]|\{[^{}]*\})*\}", "X", source)
    for line in _ADDED.sub("", source).splitlines():
        yield from re.findall(r"[\"'`](az [a-z].*)", line)


def _texts(tree: ast.Module) -> Iterator[str]:
    """Yield every text of a module; what is filled in is an X."""
    within = {
        id(piece)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for piece in ast.walk(node)
        if piece is not node
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            pieces = (each.value if isinstance(each, ast.Constant) else "X" for each in node.values)
            yield "".join(map(str, pieces))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in within:
            yield node.value


def _calls(path: Path, text: str, *, whole: bool) -> Iterator[Command]:
    joined = re.sub(r"\\\n", " ", text)
    for match in _NAME.finditer(joined):
        rest = rest_of_call(joined[match.end() :])
        yield Command(path.name, match[1].strip(), tuple(OPTION.findall(rest)), whole)


def rest_of_call(text: str) -> str:
    """Return the rest of a call, without quoted values and without calls within it."""
    kept, depth, quote = [], 0, ""
    for at, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and depth == 0:
            # A quote around a call within this one does not hide where it ends.
            quote = sign
        elif sign == "(":
            depth += 1
        elif sign == ")":
            if depth == 0:
                break
            depth -= 1
        elif depth == 0 and (sign in "|;\n`" or text.startswith("&&", at)):
            break
        elif depth == 0:
            kept.append(sign)
    return "".join(kept)


def main(az: str) -> None:
    """Ask the tool for the arguments of every command that is used, and write the table."""
    names = sorted({each.name for each in commands()})
    version = json.loads(_said(az, "version"))["azure-cli"]
    known = json.loads(TABLE.read_text())
    if known["azure-cli"] != version:
        known["commands"] = {}
    table = {
        name: known["commands"].get(name) or _arguments(_said(az, *name.split(), "--help")) for name in names
    }
    TABLE.write_text(json.dumps({"azure-cli": version, "commands": table}, indent=1) + "\n")


def _arguments(text: str) -> dict[str, bool]:
    """Return every option of a command, and whether it is required."""
    found: dict[str, bool] = {}
    for names, rest in _HELP_LINE.findall(text):
        for name in names.split():
            # Of several names of an option, one is enough.
            found[name] = "[Required]" in rest and name == names.split()[0]
    return found


def _said(az: str, *arguments: str) -> str:
    done = subprocess.run([az, *arguments], capture_output=True, text=True, check=True)  # noqa: S603  a developer's
    return done.stdout


if __name__ == "__main__":
    main(sys.argv[1])
