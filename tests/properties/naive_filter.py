"""A second, slow implementation of filters, without code of the product.

An event is what ``json`` reads, a filter the document that a person wrote; numbers are what their digits say.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

TIMES = {"event_time", "client_event_time", "server_upload_time"}


def keeps(document: dict[str, Any], line: bytes) -> bool:
    """Whether the event in a line passes a filter."""
    return _holds(_read(json.dumps(document)), _read(line))


def _read(text: str | bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text, parse_int=Decimal, parse_float=Decimal)
    return found


def _holds(document: dict[str, Any], event: dict[str, Any]) -> bool:
    if "all" in document:
        return all(_holds(each, event) for each in document["all"])
    if "any" in document:
        return any(_holds(each, event) for each in document["any"])
    if "not" in document:
        return not _holds(document["not"], event)
    field, *keys = (name.replace("\0", ".") for name in document["property"].replace(r"\.", "\0").split("."))
    found = list(_values(event.get(field), keys))
    wanted = document.get("values", [])
    if field in TIMES:
        found, wanted = list(map(_instant, found)), list(map(_instant, wanted))
    operator = document["operator"]
    if not found:
        return operator in {"is_not", "not_contains", "is_not_set"}
    return any(_accepts(operator, value, wanted) for value in found)


def _values(value: Any, keys: list[str]) -> Iterator[Any]:  # noqa: ANN401  any JSON
    if isinstance(value, list):
        for each in value:
            yield from _values(each, keys)
    elif keys:
        if isinstance(value, dict) and keys[0] in value:
            yield from _values(value[keys[0]], keys[1:])
    elif value is not None:
        yield value


def _instant(text: str) -> Decimal:
    """Return microseconds since 1970."""
    return Decimal(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)


def _kind(value: Any) -> str:  # noqa: ANN401  any JSON
    return {bool: "flag", Decimal: "number", str: "text"}.get(type(value), "other")


def _accepts(operator: str, value: Any, wanted: list[Any]) -> bool:  # noqa: ANN401, PLR0911  any JSON, any operator
    same = [each for each in wanted if _kind(each) == _kind(value)]
    texts = same if isinstance(value, str) else []
    match operator:
        case "is":
            return any(each == value for each in same)
        case "is_not":
            return all(each != value for each in same)
        case "contains":
            return any(value.find(each) >= 0 for each in texts)
        case "not_contains":
            return all(value.find(each) < 0 for each in texts)
        case "starts_with":
            return any(value[: len(each)] == each for each in texts)
        case "matches":
            return any(re.search(each, value) for each in texts)
        case "is_set":
            return True
        case "is_not_set":
            return False
    order = [_compared(value, each) for each in same if _kind(each) in {"number", "text"}]
    allowed = {"less": {-1}, "less_or_equal": {-1, 0}, "greater": {1}, "greater_or_equal": {0, 1}}[operator]
    return any(each in allowed for each in order)


def _compared(one: Any, other: Any) -> int:  # noqa: ANN401  two numbers or two texts
    if isinstance(one, str):
        one, other = [ord(each) for each in one], [ord(each) for each in other]
    return 1 if one > other else -1 if one < other else 0
