"""Every call of ``func``, ``azd`` and ``gh`` is one that the tool takes: see ``tools_arguments.py``."""

from pathlib import Path

import pytest

from tests.infra.tools_arguments import TABLE, Call, calls, calls_in

CALLS = sorted(set(calls()), key=str)


@pytest.mark.parametrize(
    "call", CALLS, ids=lambda each: " ".join((each.place, each.tool, each.command, *each.options))
)
def test_the_tool_has_the_command_and_its_options(call: Call) -> None:
    """As its own reference says."""
    assert call.command, call
    assert set(call.options) <= set(TABLE[call.tool]["commands"][call.command])


def test_the_table_has_no_other_command_and_says_where_it_is_from() -> None:
    """A call that a guide does not have any more is not kept."""
    used = {(call.tool, call.command) for call in CALLS}

    assert used == {(tool, command) for tool, found in TABLE.items() for command in found["commands"]}
    assert all("github.com/" in found["source"] for found in TABLE.values())


@pytest.mark.parametrize(
    ("text", "command", "options"),
    [
        ('gh variable set "$1" --repo x --body "$2 --no"', "variable set", ("--repo", "--body")),
        ("azd env get-value keyVault 2>/dev/null | grep -v ERROR", "env get-value", ()),
        (
            'func azure functionapp publish "$FUNCTION_APP" \\\n  --pyhton',
            "azure functionapp publish",
            ("--pyhton",),
        ),
        ("gh releases download v1", "", ()),
    ],
)
def test_a_mistake_would_be_found(text: str, command: str, options: tuple[str, ...]) -> None:
    """A misspelt option is not in the table, and a misspelt command is none."""
    (call,) = calls_in(Path("guide.md"), text)

    assert (call.command, call.options) == (command, options)
