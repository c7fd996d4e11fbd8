"""What may stand in a line of JSON: values, and the odd ways in which they may be written."""

import json
import re
from typing import Any

from hypothesis import strategies as st

# Any character that JSON can carry, and more often those with a special meaning to a reader.
characters = st.characters(exclude_categories=["Cs"]) | st.sampled_from(
    '"\\/{}[]:,\n\r\t\0\x7f\x85\u2028\ufeff\U0001f600'
)
texts = st.text(characters, max_size=12)
integers = st.integers() | st.sampled_from([0, -1, 2**53 + 1, 2**63, -(2**63) - 1, 2**64 - 1, 2**64, 10**40])
floats = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | integers | floats | texts


def _nested(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(values, max_size=3) | st.dictionaries(texts, values, max_size=3)


json_values = st.recursive(scalars, _nested, max_leaves=8)
json_objects = st.dictionaries(texts, json_values, max_size=4)


@st.composite
def json_lines(draw: st.DrawFn, values: st.SearchStrategy[object]) -> bytes:
    """Return a value as a line of JSON: with or without escapes, and with spaces in between."""
    value = draw(values)
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", "\r:  ")]))
    return json.dumps(value, ensure_ascii=draw(st.booleans()), separators=separators).encode()


_HALF = re.compile("[\ud800-\udfff]")


def surrogates_replaced(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """Return a value with every half of a surrogate pair in it, in keys too, replaced."""
    match value:
        case str():
            return _HALF.sub("\N{REPLACEMENT CHARACTER}", value)
        case list():
            return [surrogates_replaced(each) for each in value]
        case dict():
            return {surrogates_replaced(key): surrogates_replaced(each) for key, each in value.items()}
    return value
