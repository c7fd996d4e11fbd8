"""Operators and values of filters: which ones fit which kind of property, and the normal form of each value.

Numbers are compared exactly: an integer is an ``int``, every other number a ``Decimal`` of its JSON text
(``exact``). Neither the filter's numbers nor the rows' are rounded to doubles first.
"""

from decimal import Decimal, InvalidOperation

from exporter.domain.filters import ORDERS, PRESENCE, SEARCHES, Operator, Value
from exporter.domain.row_schema import Kind
from exporter.domain.timestamps import to_canonical, to_iso8601

# All JSON readers keep integers of this range exactly; many round larger ones.
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**64 - 1
FLOAT_BOUND = 2.0**63
# Doubles keep this many significant decimal digits exactly.
SIGNIFICANT_DIGITS = 15
# A Decimal's exponent has at most 18 digits. Values of filters are far below this.
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
"""A value to compare with. Values are equal if their JSON means the same; the type separates true from 1."""


def exact(text: str) -> Decimal:
    """Return the exact value of a JSON number of any size and precision.

    An exponent of more than 18 digits becomes 10^17: the number stays above (or closer to 0 than) all others.
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
    """Return the value to compare rows' values with: a float becomes the decimal that it is written as."""
    return exact(repr(value)) if isinstance(value, float) else value


def as_written(text: str) -> float | Decimal:
    """Return a JSON number with a fraction or exponent as a float; a ``Decimal`` if a float would round it.

    For parsing requests: ``normal_value`` refuses a number that cannot be kept.
    """
    number, rounded = exact(text), float(text)
    return rounded if number == exact(repr(rounded)) else number


def accepts(kind: Kind, operator: Operator) -> bool:
    """Whether the operator applies to this kind of property. ``Kind.DICT`` is a property inside an object."""
    return operator in _OPERATORS[kind]


def normal_value(value: object, kind: Kind, operator: Operator) -> Value:
    """Return the normal form of a value; ValueError, with a message for the customer, if it does not fit.

    A value that can never equal the property is refused, because it can only be a mistake.
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
    """Return a value for a property inside an object, which may have any type."""
    if isinstance(value, str) or (isinstance(value, bool) and operator in _EQUALITY):
        return value
    return _number(
        value, "a text, a number, true or false" if operator in _EQUALITY else "a number or a text"
    )


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004  about JSON, not about Python types
    return value


def _searched(value: object, kind: Kind, operator: Operator) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text that is not empty")
    return value.lower() if kind is Kind.UUID and operator is not Operator.MATCHES else value


def _text(value: object, kind: Kind) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")  # noqa: TRY004  about JSON, not about Python types
    # UUIDs are exported in lower case.
    return value.lower() if kind is Kind.UUID else value


def _time(value: object) -> str:
    try:
        return to_iso8601(to_canonical(value if isinstance(value, str) else ""))
    except ValueError:
        raise ValueError("must be a time, such as 2020-01-25T17:04:05Z") from None


def _number(value: object, allowed: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        hint = "; is_not_set asks for null" if value is None else ""
        raise ValueError(f"must be {allowed}{hint}")  # noqa: TRY004  about JSON, not about Python types
    if isinstance(value, int):
        if not INTEGER_MIN <= value <= INTEGER_MAX:
            raise ValueError(f"must be an integer from {INTEGER_MIN} to {INTEGER_MAX}")
        return value
    if not -FLOAT_BOUND < value < FLOAT_BOUND:
        raise ValueError("must be a number between -2^63 and 2^63, or an integer below 2^64")
    if value == int(value):
        return int(value)
    if isinstance(value, Decimal):
        raise ValueError(  # noqa: TRY004  the type is right
            f"has too many digits and would be rounded to {float(value)!r}: a number with a fraction may have"
            f" at most {SIGNIFICANT_DIGITS} significant digits"
        )
    return value
