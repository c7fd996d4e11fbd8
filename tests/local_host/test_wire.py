"""The messages that the host makes of the values of queue output bindings."""

import json

import pytest

from infra.local.host.wire import PROTOS, queue_messages


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("string", "plain", ("plain",)),
        ("string", "{not json}", ("{not json}",)),
        ("string", '{"a":1}', ('{\n  "a": 1\n}',)),
        ("string", '["one",{"two":2}]', ("one", '{\n  "two": 2\n}')),
        ("bytes", b"\x00\xff", (b"\x00\xff",)),
        ("json", json.dumps(["one", "two"]), ("one", "two")),
        ("json", json.dumps({"id": "7", "body": "text"}), ("text",)),
        ("string", '{"id":"7","body":"text"}', ('{\n  "id": "7",\n  "body": "text"\n}',)),
    ],
)
def test_a_text_that_looks_like_json_is_not_sent_as_it_is(
    field: str, value: object, expected: tuple[str | bytes, ...]
) -> None:
    """An array becomes several messages, and an object is indented. Other texts and bytes are unchanged."""
    assert queue_messages(PROTOS.TypedData(**{field: value})) == expected
