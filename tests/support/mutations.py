"""Lines that are almost right: native code must leave them to Python, or write what Python writes."""

import random

# What parsers get wrong: ends, escapes, surrogates, overlong UTF-8, numbers, times, white space, nesting.
_TOKENS = (
    *(
        bytes([each])
        for each in b'\x00\t\r "\\/{}[],:-.+eE0159\x1f\x7f\x80\xbf\xc0\xc2\xe0\xed\xef\xf0\xf4\xf5\xff'
    ),
    *(
        rb"\u0000",
        rb"\ud83d\ude00",
        rb"\ud800",
        rb"\udc00",
        rb"\uD83D",
        rb"\n",
        rb"\/",
        rb"\x",
        rb"\u12",
        rb"\\",
    ),
    *(
        text.encode("utf-8", "surrogatepass")
        for text in ("é", "€", "\U0001f600", "\ud800", "\udfff", "\ufffd", "\ufeff", "\u2028", "\x85")
    ),
    *(b"\xc0\x80", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98"),
    *(b"null", b"true", b"false", b"{}", b"[]", b'""', b"[null]", b'["a","b"]', b'["a", "b"]', b'["a",5]'),
    *(b"-0", b"0.0", b"1.0", b"1e5", b"1E400", b"00", b"0.10", b"NaN", b"-", b"0.001", b"0.0001", b"1e-7"),
    *(b"999999999999999999", b"9223372036854775808", b"-9223372036854775809", b"12345678901234567890123"),
    *(b"0.1234567890123456", b"123456789012.345", b"0.123456789012345", b"9007199254740993.0"),
    *(b"24:00:00", b"23:59:60", b"02-29", b"02-30", b"13-01", b"0000-", b"9999-", b"T", b"t", b"Z", b"z"),
    *(b"+00:00", b"-01", b".1", b".123456789", b".1234567891", b",5", b" "),
    *(b'"app":1,', b'"app":null,', b'"uuid":null,', b'"city":"a",', b'"city":null,', b'"data":[],'),
    *(b'"data":null,', b'"groups":"",', b'"x":{"y":[1,2.5e-3,"z"]},', b'"x":"\\ud800",', b'"paying":1,'),
    *(b'"sample_rate":1.50,', b'"location_lat":-0.0,', b'"amplitude_attribution_ids":["a"],'),
    b"[" * 61 + b"]" * 61,
    b"[" * 513 + b"]" * 513,
    b'{"a":' * 60 + b"1" + b"}" * 60,
)
# Most lines with several changes are wrong for one of them only.
_CHANGES = (1, 1, 1, 2, 3)
# As ``_change`` counts its kinds: the values of keys are replaced most often, and the end is cut off rarely.
_KINDS = (0, 1, 2, 3, 3, 3, 3, 4, 4, 5)
_CUT_SHARE = 0.02


def mutated(line: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Return the line with one to three changes; some of them copy from the other lines."""
    changed = bytearray(line)
    for _ in range(chance.choice(_CHANGES)):
        _change(changed, others, chance)
    return bytes(changed).replace(b"\n", b" ")


def _change(line: bytearray, others: list[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(line) + 1)
    end = min(len(line), at + chance.choice((0, 0, 1, 1, 2, 4, 30)))
    match chance.choice(_KINDS):
        case 0:
            line[at:end] = chance.choice(_TOKENS)
        case 1:
            line[at:end] = bytes([chance.randrange(256)])
        case 2:
            del line[at : len(line) if chance.random() < _CUT_SHARE else end]
        case 3:
            _replace_value(line, chance)
        case 4:
            _swap_values(line, chance)
        case _:
            other = chance.choice(others)
            start = chance.randrange(len(other) + 1)
            line[at:end] = other[start : start + chance.randint(1, 60)]


def _replace_value(line: bytearray, chance: random.Random) -> None:
    """Put a token in the place of a value."""
    if place := _value(line, chance):
        quoted = chance.randrange(2) and line[place][:1] == b'"'
        token = chance.choice(_TOKENS)
        line[place] = b'"%b"' % token if quoted else token


def _swap_values(line: bytearray, chance: random.Random) -> None:
    """Put the value of one key in the place of another one."""
    if (place := _value(line, chance)) and (other := _value(line, chance)):
        line[place] = line[other]


def _value(line: bytearray, chance: random.Random) -> slice | None:
    """Return where a value is: from a colon to the next comma."""
    colon = line.find(b":", chance.randrange(len(line) + 1))
    comma = line.find(b",", colon)
    return slice(colon + 1, comma) if 0 <= colon < comma else None
