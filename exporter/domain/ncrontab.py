"""Whether a schedule is one that the Functions host understands: six fields, seconds first."""

import re

_FIELDS = (
    ("second", 0, 59, ""),
    ("minute", 0, 59, ""),
    ("hour", 0, 23, ""),
    ("day of month", 1, 31, ""),
    ("month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    ("day of week", 0, 6, "sun mon tue wed thu fri sat"),
)
_ITEM = re.compile(r"(?:\*|(?P<first>\w{1,9})(?:-(?P<last>\w{1,9}))?)(?:/(?P<step>[1-9]\d*))?", re.ASCII)


def objection(expression: str) -> str | None:
    """Return what is wrong with an NCRONTAB expression, or None if it is one."""
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        return "must have six fields (second minute hour day month weekday), such as 0 */5 * * * *"
    for text, (name, least, most, names) in zip(fields, _FIELDS, strict=True):
        for item in text.split(","):
            match = _ITEM.fullmatch(item)
            values = [
                _value(match[group], names.split(), least)
                for group in ("first", "last")
                if match and match[group]
            ]
            if (
                match is None
                or not all(least <= value <= most for value in values)
                or values != sorted(values)
            ):
                return f"has a wrong {name}: {text}"
    return None


def _value(text: str, names: list[str], least: int) -> int:
    """Return a field's value; -1, which is out of every range, if it is none."""
    if text.isdigit():
        return int(text)
    return names.index(text[:3].lower()) + least if text[:3].lower() in names else -1
