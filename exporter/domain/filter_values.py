"""Which operators and values fit which kind of property, and the one form of each value.

Numbers are compared exactly, by the value that their JSON has: an integer is an ``int``, every other number a
``Decimal`` of its text (``exact``). None of them is rounded to a double first, on either side.
"""

from decimal import Decimal, InvalidOperation

from exporter.domain.filters import ORDERS, PRESENCE, SEARCHES, Operator, Value
from exporter.domain.row_schema import Kind
from exporter.domain.timestamps import to_canonical, to_iso8601

# JSON readers keep integers of this range exactly, and many of them turn larger ones into something near.
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**64 - 1
FLOAT_BOUND = 2.0**63
# Doubles tell all numbers of so many significant digits apart, and print them as they were written.
SIGNIFICANT_DIGITS = 15
# Decimals take exponents of 18 digits. No value of a filter comes near a number beyond this one.
_EXPONENT_BOUND = 10**17

_EQUALITY = frozenset({Operator.IS, Operator.IS_NOT})
_EVERY = frozenset(Operator)
_OPERATORS = {
    Kind.STRING: _EVERY,
    Kind.TEXTS: _EVERY,
    Kind.UUID: _EVERY,
    Kind.DICT: _EVERY,
    Kind.INTEGER: _EQUALITY | ORDERS | PRESENCE,
    Kind.FLOAT: _EQUALITY | ORDERS | PRESENCE,
    Kind.TIME: _EQUALITY | ORDERS | PRESENCE,
    Kind.BOOLEAN: _EQUALITY | PRESENCE,
}


type Comparable = str | bool | int | Decimal
"""A value to compare with. Two are equal if their JSON means the same; true and 1 are told apart by type."""


def exact(text: str) -> Decimal:
    """Return the number that a JSON number means, whatever its size and its digits.

    One whose exponent is beyond 18 digits becomes one with an exponent of 10^17: beyond every other number,
    or nearer to 0 than any.
    """
    try:
        return Decimal(text)
    except InvalidOperation:
        digits, _, exponent = text.lower().partition("e")
        if not digits.strip("-0."):
            return Decimal(0)
        sign, small = "-" * digits.startswith("-"), "-" * exponent.startswith("-")
        return Decimal(f"{sign}1e{small}{_EXPONENT_BOUND}")


def comparable(value: Value) -> Comparable:
    """Return what rows' values are compared with: of a number with a fraction, what its digits say."""
    return exact(repr(value)) if isinstance(value, float) else value


def as_written(text: str) -> float | Decimal:
    """Return a number with fraction or exponent: a float, or a ``Decimal`` where that would change its value.

    For reading what a person wrote, so that ``settled`` can refuse what it cannot keep.
    """
    number, rounded = exact(text), float(text)
    return rounded if number == exact(repr(rounded)) else number


def accepts(kind: Kind, operator: Operator) -> bool:
    """Whether the operator can say anything about such a property. ``Kind.DICT``: what is inside objects."""
    return operator in _OPERATORS[kind]


def settled(value: object, kind: Kind, operator: Operator) -> Value:
    """Return the value in its one form; ValueError, for a person, if it does not fit.

    A value that could never be equal to the property is a mistake, and said to be one.
    """
    if operator in SEARCHES:
        return _searched(value, kind, operator)
    if kind is Kind.DICT:
        return _any_value(value, operator)
    if kind is Kind.TIME:
        return _time(value)
    if kind is Kind.BOOLEAN:
        return _flag(value)
    return _number(value, "a number") if kind in {Kind.INTEGER, Kind.FLOAT} else _text(value, kind)


def _any_value(value: object, operator: Operator) -> Value:
    """Return a value for what is inside an object, where everything may be."""
    if isinstance(value, str) or (isinstance(value, bool) and operator in _EQUALITY):
        return value
    return _number(
        value, "a text, a number, true or false" if operator in _EQUALITY else "a number or a text"
    )


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004  whoever reads this wrote JSON, no types
    return value


def _searched(value: object, kind: Kind, operator: Operator) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text that is not empty")
    return value.lower() if kind is Kind.UUID and operator is not Operator.MATCHES else value


def _text(value: object, kind: Kind) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")  # noqa: TRY004  whoever reads this wrote JSON, no types
    # UUIDs are exported in lower case, whatever they came in.
    return value.lower() if kind is Kind.UUID else value


def _time(value: object) -> str:
    try:
        return to_iso8601(to_canonical(value if isinstance(value, str) else ""))
    except ValueError:
        raise ValueError("must be a time, such as 2020-01-25T17:04:05Z") from None


def _number(value: object, allowed: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        hint = "; is_not_set asks for null" if value is None else ""
        raise ValueError(f"must be {allowed}{hint}")  # noqa: TRY004  whoever reads this wrote JSON, no types
    if isinstance(value, int):
        if not INTEGER_MIN <= value <= INTEGER_MAX:
            raise ValueError(f"must be an integer from {INTEGER_MIN} to {INTEGER_MAX}")
        return value
    if not -FLOAT_BOUND < value < FLOAT_BOUND:
        raise ValueError("must be a number between -2^63 and 2^63, or an integer below 2^64")
    if value == int(value):
        return int(value)
    if isinstance(value, Decimal):
        raise ValueError(  # noqa: TRY004  a number is what it must be, and it is one
            f"has too many digits, and would be rounded to {float(value)!r}: write a number with a fraction"
            f" with at most {SIGNIFICANT_DIGITS} significant digits"
        )
    return value
