"""Every call of ``az`` in the guides, the workflows and the messages is one that the tool takes."""

import json
from typing import Any

import pytest

from tests.infra.az_arguments import TABLE, commands

FOUND: dict[str, Any] = json.loads(TABLE.read_text())
KNOWN: dict[str, dict[str, bool]] = FOUND["commands"]
CALLS = list(commands())


@pytest.mark.parametrize(("place", "name"), sorted({(each.place, each.name) for each in CALLS}))
def test_the_tool_has_the_command_and_its_options(place: str, name: str) -> None:
    """And a whole call has every option that the tool requires."""
    options = KNOWN[name]
    required = {option for option, needed in options.items() if needed}

    for call in CALLS:
        if (call.place, call.name) == (place, name):
            assert set(call.options) <= options.keys()
            assert not call.whole or required <= set(call.options)


def test_the_table_has_no_other_command() -> None:
    """After a change of the guides: python -m tests.infra.az_arguments AZ."""
    assert KNOWN.keys() == {each.name for each in CALLS}


def test_a_mistake_would_be_found() -> None:
    """The table knows what is required, short names, and what every command takes."""
    upload = KNOWN["storage blob upload"]

    assert "--contaner-name" not in upload
    assert {"--name", "-n", "--output", "-o", "--query"} <= upload.keys()
    assert KNOWN["storage account create"]["--resource-group"]
    assert FOUND["azure-cli"]
