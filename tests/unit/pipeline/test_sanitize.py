import pytest

from exporter.pipeline.sanitize import NESTING_MAX, too_deep, without_lone_surrogates


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        (rb'"\ud83d\ude00"', rb'"\ud83d\ude00"'),
        (rb'"\uD83D\uDE00"', rb'"\uD83D\uDE00"'),
        (rb'"\ud800\udc00\udbff\udfff"', rb'"\ud800\udc00\udbff\udfff"'),
        (rb'"\ud83d"', rb'"\ufffd"'),
        (rb'"\uDE00"', rb'"\ufffd"'),
        (rb'"\uDBFF!"', rb'"\ufffd!"'),
        (rb'"\udc00\ud800"', rb'"\ufffd\ufffd"'),
        (rb'"\ud83d\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"'),
        (rb'"\ud83d\ude00\ude00"', rb'"\ud83d\ude00\ufffd"'),
        (rb'"\ud83d\n\ude00"', rb'"\ufffd\n\ufffd"'),
        (rb'"\ud83d\u0041"', rb'"\ufffd\u0041"'),
        (rb'"\ud83dude00"', rb'"\ufffdude00"'),
        (rb'{"\ud83d": {"\udead": 1}}', rb'{"\ufffd": {"\ufffd": 1}}'),
    ],
)
def test_half_a_surrogate_pair_becomes_a_replacement_character(text: bytes, mended: bytes) -> None:
    """Pairs stay, in any case of their digits; halves go, in keys too."""
    assert without_lone_surrogates(text) == mended


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b'"\xf0\x9f\x98\x80"',
        rb'"\\ud83d"',
        rb'"\\\\ud83d"',
        rb'"C:\\udata\\ude00"',
        rb'"\ud7ff\ue000"',
        rb'"\u00e9"',
        rb'"\ud8"',
        rb'"\ud8xx"',
        rb'"ud83d"',
        b'"\\ud83',
        b"\\",
    ],
)
def test_nothing_else_is_touched(text: bytes) -> None:
    """Neither a backslash that is escaped, nor neighbours of the surrogates, nor what is broken anyway."""
    assert without_lone_surrogates(text) == text


def test_an_escaped_backslash_does_not_hide_a_half_behind_it() -> None:
    """Three backslashes are one, and the beginning of an escape."""
    assert without_lone_surrogates(rb'"\\\ud83d"') == rb'"\\\ufffd"'


def nested(levels: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """Return brackets within brackets."""
    return opening * levels + closing * levels


def test_the_deepest_nesting_that_is_allowed_is_512() -> None:
    """Objects and arrays alike, and mixed."""
    assert NESTING_MAX == 512
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        assert not too_deep(nested(512, opening, closing))
        assert too_deep(nested(513, opening, closing))
    assert not too_deep(nested(256, b'{"a":[', b"]}"))
    assert too_deep(b"[" + nested(256, b'{"a":[', b"]}") + b"]")


def test_many_brackets_side_by_side_are_not_deep() -> None:
    """Depth is what counts, wherever it is reached."""
    assert not too_deep(b"[" + b"[]," * 10_000 + b"{}]")
    assert not too_deep(b"[" + nested(511) + b"," + nested(511) + b"]")
    assert too_deep(b"[" + nested(511) + b"," + nested(512) + b"]")


@pytest.mark.parametrize(
    "within", [b"[" * 1000, b'\\"' + b"{" * 1000, b"\\\\", b"\\\\\\" + b'"' + b"[" * 1000]
)
def test_brackets_within_strings_do_not_count(within: bytes) -> None:
    """Nor does a quote that is escaped end a string."""
    text = b'{"a":"' + within + b'","b":' + nested(511) + b"}"

    assert not too_deep(text)
    assert too_deep(b"[" + text + b"]")


def test_a_string_that_ends_hides_nothing_behind_it() -> None:
    """An escaped backslash before the quote does not escape the quote."""
    assert too_deep(rb'["a\\",' + nested(512) + b"]")
    assert too_deep(rb'["","\\\\",' + nested(512) + b"]")


def test_a_line_that_is_no_json_is_looked_at_all_the_same() -> None:
    """A string without end, brackets that close too often, a hundred thousand that never close."""
    assert too_deep(b"[" * 100_000)
    assert not too_deep(b'"' + b"[" * 100_000)
    assert not too_deep(b"]" * 100_000)
