"""Mistyped values: which ones have a single meaning, and what they become.

``RULES`` is the complete list. A value of the right type needs no rule. A value that a rule accepts is
normalized without notice: the row equals one that landed with the right value. Any other value has no single
meaning: in an optional key it becomes null (``{}`` for an object) and the row is *amended*; in a required key
the row is rejected. Every rule returns a value of the right type, so normalizing is idempotent.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from msgspec import Raw

from exporter.domain.row_schema import Field, Kind, Reason, Rejection
from exporter.domain.timestamps import to_canonical
from exporter.pipeline.sanitize import too_deep, without_lone_surrogates

type Value = str | int | float | bool | list[str] | Raw | None
"""A value as a row holds it: times canonical, UUIDs in the usual form, objects as JSON."""

# Python's limit for converting integers from and to text.
INTEGER_DIGITS_MAX = 4_300
EMPTY_OBJECT = Raw(b"{}")
_TRUTH = {"true": True, "false": False}
# A JSON number, with leading zeros allowed because text may have them.
_NUMBER = re.compile(
    r"(?P<sign>-?)0*(?P<whole>\d+)(?:\.(?P<fraction>\d+))?(?:[eE](?P<exponent>[+-]?\d+))?", re.ASCII
)
_UUID = re.compile(
    r"(?P<brace>\{)?(?P<a>[0-9a-f]{8})(?P<hyphen>-)?(?P<b>[0-9a-f]{4})(?(hyphen)-)(?P<c>[0-9a-f]{4})"
    r"(?(hyphen)-)(?P<d>[0-9a-f]{4})(?(hyphen)-)(?P<e>[0-9a-f]{12})(?(brace)\})",
    re.ASCII | re.IGNORECASE,
)
# A longer exponent is out of range for every readable integer.
_EXPONENT_DIGITS_MAX = 9
_USUAL_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_BRACE, _NULL = ord("{"), ord("n")
_text_or_null: Callable[[Raw], str | None] = msgspec.json.Decoder(str | None).decode
_text = msgspec.json.Decoder(str).decode
_values = msgspec.json.Decoder(list[Raw]).decode
_anything = msgspec.json.Decoder(Raw).decode
_object = msgspec.json.Decoder(dict[str, Raw]).decode


def _number(raw: bytes) -> re.Match[str]:
    """Return the parts of a number, also of one in a string; ValueError if it is not a number."""
    match = _NUMBER.fullmatch(_text(raw) if raw[:1] == b'"' else raw.decode())
    if match is None:
        raise ValueError("not a number")
    return match


def _integral(raw: bytes) -> int:
    """Return the exact integer; ValueError if the number has a fraction or too many digits."""
    match = _number(raw)
    fraction = (match["fraction"] or "").rstrip("0")
    digits = (match["whole"] + fraction).lstrip("0")
    if not digits:
        return 0
    exponent = match["exponent"] or "0"
    if len(exponent.lstrip("+-0")) > _EXPONENT_DIGITS_MAX:
        raise ValueError("not an integer that can be read")
    significant = digits.rstrip("0")
    zeros = int(exponent) - len(fraction) + len(digits) - len(significant)
    if zeros < 0 or len(significant) + zeros > INTEGER_DIGITS_MAX:
        raise ValueError("not an integer that can be read")
    return int(match["sign"] + significant + "0" * zeros)


def _finite(raw: bytes) -> float:
    value = float(_number(raw)[0])
    if not math.isfinite(value):
        raise ValueError("beyond all floats")
    return value


def _scalar_text(raw: bytes) -> str:
    """Return the JSON text of a number or boolean."""
    if raw[:1] in b'"[{n':
        raise ValueError("neither a number nor a truth value")
    return raw.decode()


def _text_or_scalar(raw: bytes) -> str:
    return _text(raw) if raw[:1] == b'"' else _scalar_text(raw)


def _texts_of_scalars(raw: bytes) -> list[str]:
    return [_text_or_scalar(bytes(each)) for each in _values(raw)]


def _truth_in_text(raw: bytes) -> bool:
    found = _TRUTH.get(_text(raw).lower())
    if found is None:
        raise ValueError("neither true nor false")
    return found


def _one_or_zero(raw: bytes) -> bool:
    number = _integral(raw)
    if number not in {0, 1}:
        raise ValueError("neither 1 nor 0")
    return number == 1


def _time_or_null(raw: Raw) -> str | None:
    text = _text_or_null(raw)
    return None if text is None else to_canonical(text)


def _uuid_or_null(raw: Raw) -> str | None:
    text = _text_or_null(raw)
    if text is not None and _USUAL_UUID.fullmatch(text) is None:
        raise ValueError("not a UUID in its usual form")
    return text


def _uuid(raw: bytes) -> str:
    match = _UUID.fullmatch(_text(raw))
    if match is None:
        raise ValueError("not a UUID")
    return "-".join(match.group("a", "b", "c", "d", "e")).lower()


def _object_or_null(raw: Raw) -> Raw | None:
    first = memoryview(raw)[0]
    if first == _BRACE:
        return raw
    if first == _NULL:
        return None
    raise ValueError("not an object")


def _empty_array(raw: bytes) -> Raw:
    if raw[:1] != b"[" or raw[1:-1].strip():
        raise ValueError("not an empty array")
    return EMPTY_OBJECT


def _object_in_text(raw: bytes) -> Raw:
    inner = without_lone_surrogates(_text(raw).strip(" \t\n\r").encode())
    # Inside a row the object is one level deeper.
    if not inner.startswith(b"{") or too_deep(b"[" + inner + b"]"):
        raise ValueError("not an object")
    _anything(inner)  # rejects trailing characters
    _object(inner)
    # Only between tokens: inside strings newlines are escaped.
    return Raw(inner.replace(b"\n", b" ").replace(b"\r", b" "))


def _empty(value: Value) -> Callable[[bytes], Value]:
    def read(raw: bytes) -> Value:
        if raw != b'""':
            raise ValueError("not an empty string")
        return value

    return read


@dataclass(frozen=True, slots=True)
class Rule:
    """A normalization: for keys of the ``kind``, a ``given`` value ``becomes`` another one.

    ``examples`` are pairs of JSON texts (landed, exported). ``read`` takes the JSON text of a value and
    raises ValueError if the rule does not apply. ``optional_only`` rules do not apply to required keys.
    """

    kind: Kind
    given: str
    becomes: str
    examples: tuple[tuple[str, str], ...]
    read: Callable[[bytes], Value]
    optional_only: bool = False


_NO_VALUE = "an empty string, in an optional key"

RULES = (
    Rule(
        Kind.STRING,
        "a number, or true or false",
        "its JSON text",
        (("5", '"5"'), ("1.50", '"1.50"'), ("true", '"true"')),
        _scalar_text,
    ),
    Rule(
        Kind.TEXTS,
        "a number, or true or false",
        "its JSON text",
        (("5", '"5"'), ("true", '"true"')),
        _scalar_text,
    ),
    Rule(
        Kind.TEXTS,
        "an array of strings, numbers and truth values",
        "an array of strings",
        (('["a",5,false]', '["a","5","false"]'),),
        _texts_of_scalars,
    ),
    Rule(
        Kind.INTEGER,
        "an integral number with a fraction or an exponent, or in a string",
        "that integer, exactly",
        (("241.0", "241"), ("1e3", "1000"), ('"241"', "241"), ('"-7.0"', "-7")),
        _integral,
    ),
    Rule(Kind.INTEGER, _NO_VALUE, "null", (('""', "null"),), _empty(None), optional_only=True),
    Rule(
        Kind.FLOAT,
        "a number in a string",
        "that number",
        (('"37.77"', "37.77"), ('"-1e-3"', "-0.001")),
        _finite,
    ),
    Rule(Kind.FLOAT, _NO_VALUE, "null", (('""', "null"),), _empty(None), optional_only=True),
    Rule(
        Kind.BOOLEAN,
        "`true` or `false` in a string, in any case",
        "that truth value",
        (('"TRUE"', "true"), ('"False"', "false")),
        _truth_in_text,
    ),
    Rule(
        Kind.BOOLEAN,
        "the number 1 or 0, also in a string",
        "true or false",
        (("1", "true"), ('"0"', "false"), ("1.0", "true")),
        _one_or_zero,
    ),
    Rule(Kind.BOOLEAN, _NO_VALUE, "null", (('""', "null"),), _empty(None), optional_only=True),
    Rule(Kind.TIME, _NO_VALUE, "null", (('""', "null"),), _empty(None), optional_only=True),
    Rule(
        Kind.UUID,
        "a UUID without hyphens, in braces, or in upper case",
        "its usual form in lower case",
        (
            ('"0A1B2C3D00004000800000000000ABCD"', '"0a1b2c3d-0000-4000-8000-00000000abcd"'),
            ('"{0a1b2c3d-0000-4000-8000-00000000abcd}"', '"0a1b2c3d-0000-4000-8000-00000000abcd"'),
        ),
        _uuid,
    ),
    Rule(
        Kind.DICT,
        "an object as JSON text in a string",
        "that object",
        ((r'"{\"a\": 1}"', '{"a": 1}'),),
        _object_in_text,
    ),
    Rule(Kind.DICT, "an empty array", "`{}`", (("[]", "{}"),), _empty_array),
    Rule(Kind.DICT, _NO_VALUE, "`{}`", (('""', "{}"),), _empty(EMPTY_OBJECT), optional_only=True),
)
"""All normalizations. Any other value that is not of its key's kind has no single meaning."""

_FITTING: dict[Kind, Callable[[Raw], Value]] = {
    Kind.STRING: msgspec.json.Decoder(str | None).decode,
    Kind.TEXTS: msgspec.json.Decoder(str | list[str] | None).decode,
    Kind.INTEGER: msgspec.json.Decoder(int | None).decode,
    Kind.FLOAT: msgspec.json.Decoder(float | None).decode,
    Kind.BOOLEAN: msgspec.json.Decoder(bool | None).decode,
    Kind.TIME: _time_or_null,
    Kind.UUID: _uuid_or_null,
    Kind.DICT: _object_or_null,
}
"""The reader of each kind: returns a value of the right type or null, and raises ValueError for others."""

_RULES_OF = {kind: tuple(rule for rule in RULES if rule.kind is kind) for kind in Kind}


def normalized(field: Field, raw: bytes) -> Value:
    """Return what a mistyped value means; ValueError if it has no single meaning."""
    for rule in _RULES_OF[field.kind]:
        if rule.optional_only and field.required:
            continue
        try:
            return rule.read(raw)
        except ValueError:
            continue
    raise ValueError(f"{field.name} is not {field.kind}")


@dataclass(frozen=True, slots=True)
class Amended[Row]:
    """A row that is exported without the values of some optional keys; ``why`` names the keys."""

    row: Row
    why: Rejection


@dataclass(frozen=True, slots=True)
class Read:
    """The values of a line by key, without nulls. ``why`` names the keys that were mistyped."""

    values: dict[str, Value]
    why: Rejection | None


def read_line(line: bytes, fields: tuple[Field, ...]) -> Read | Rejection:
    """Return the normalized values of a ``readable`` line, or its rejection.

    If a key occurs twice, the last value counts.
    """
    try:
        _anything(line)  # rejects trailing characters
        found = _object(line)
    except msgspec.ValidationError:
        return Rejection(Reason.NOT_AN_OBJECT, "The line is JSON, but not an object.")
    except msgspec.DecodeError as malformed:
        return Rejection(Reason.NOT_JSON, f"{malformed}.")
    values: dict[str, Value] = {}
    missing, mistyped = [], []
    for field in fields:
        raw = found.get(field.name)
        try:
            value = None if raw is None else _FITTING[field.kind](raw)
        except ValueError:  # msgspec's errors are ValueErrors, too
            try:
                value = normalized(field, bytes(raw or b""))
            except ValueError:
                mistyped.append(field)
                continue
        if value is not None:
            values[field.name] = value
        elif field.required:
            missing.append(field)
    if not missing and not mistyped:
        return Read(values, None)
    sentences = [f"Missing: {', '.join(field.name for field in missing)}."] if missing else []
    sentences += [f"{field.name} is not {field.kind}." for field in mistyped]
    why = Rejection(
        Reason.FIELD_MISSING if missing else Reason.WRONG_TYPE,
        " ".join(sentences),
        tuple(field.name for field in (*missing, *mistyped)),
    )
    if missing or any(field.required for field in mistyped):
        return why
    return Read(values, why)
