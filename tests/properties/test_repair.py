import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from exporter.pipeline.sanitize import NESTING_MAX, too_deep, without_lone_surrogates
from tests.properties.values import surrogates_replaced

# Strings made of what may be mistaken for something else, as they stand in the text.
ESCAPES = [
    "\\\\",
    "\\n",
    '\\"',
    "\\/",
    "\\u0041",
    "\\ud83d",
    "\\uDE00",
    "\\uDBFF",
    "\\udc00",
    "\\ud7ff",
    "\\ue000",
    "\\ufffd",
]
tokens = st.sampled_from([*ESCAPES, "u", "d83d", "ud83d", "a", " ", "é", "\U0001f600", "[", "{", "]", "}"])
strings = st.lists(tokens, max_size=12).map(lambda each: f'"{"".join(each)}"')
documents = st.recursive(
    strings | st.sampled_from(["1", "null", "-1.50e+3", "[]", "{}"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda each: f"[{','.join(each)}]")
        | st.lists(st.tuples(strings, inner), max_size=3).map(
            lambda each: f"{{{','.join(f'{key}: {value}' for key, value in each)}}}"
        )
    ),
    max_leaves=6,
)


def depth(value: Any) -> int:  # noqa: ANN401  any JSON value
    """Return how deep objects and arrays are nested."""
    match value:
        case dict():
            return 1 + max(map(depth, value.values()), default=0)
        case list():
            return 1 + max(map(depth, value), default=0)
    return 0


@given(documents)
def test_mending_is_the_same_as_replacing_halves_after_parsing(document: str) -> None:
    """What is parsed has no lone surrogate, and differs in nothing else."""
    mended = without_lone_surrogates(document.encode())

    assert json.loads(mended) == surrogates_replaced(json.loads(document))
    assert without_lone_surrogates(mended) == mended


@given(st.binary(max_size=40) | st.text("\\ud83ecfDE0a", max_size=40).map(str.encode))
def test_any_bytes_can_be_mended(content: bytes) -> None:
    """Mended once, there is nothing left to mend; its length shows that nothing was lost."""
    mended = without_lone_surrogates(content)

    assert without_lone_surrogates(mended) == mended
    assert len(mended) == len(content)


@given(documents, st.integers(min_value=NESTING_MAX - 10, max_value=NESTING_MAX + 5))
def test_too_deep_is_what_parsing_finds_deeper_than_512(document: str, wrapped: int) -> None:
    """Whatever brackets its strings hold."""
    text = "[" * wrapped + document + "]" * wrapped

    assert too_deep(text.encode()) == (wrapped + depth(json.loads(document)) > NESTING_MAX)


@given(st.binary(max_size=200) | st.text('[]{}"\\a', max_size=200).map(str.encode))
def test_the_depth_of_any_bytes_can_be_told(content: bytes) -> None:
    """So few of them are never too deep."""
    assert not too_deep(content)
