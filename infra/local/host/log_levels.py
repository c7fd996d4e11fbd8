"""The minimum levels of log records by category: ``logging.logLevel`` of host.json.

Records of a function have the category ``Function.<name>.User``, the host's records of its invocations
``Function.<name>``. As in the real host, the longest name that a category begins with decides, else
``default``.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}
_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class LogLevels:
    """The minimum level (of Python's ``logging``) for each beginning of a category, in lower case."""

    levels: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, document: Mapping[str, object]) -> Self:
        """Read ``logging.logLevel``; ``ValueError`` names an unknown level."""
        return cls({name.lower(): _level(name, level) for name, level in document.items()})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the text that ``to_json`` returned."""
        return cls(json.loads(text))

    def to_json(self) -> str:
        """Return the levels as text, for another process."""
        return json.dumps(dict(self.levels))

    def level(self, category: str) -> int:
        """Return the minimum level of a category."""
        lowered = category.lower()
        names = [name for name in self.levels if name != _DEFAULT and lowered.startswith(name)]
        return self.levels.get(max(names, key=len, default=_DEFAULT), logging.INFO)

    def keeps(self, category: str, level: int) -> bool:
        """Whether a record of this category and level is kept."""
        return level >= self.level(category)


def of_invocations(function: str) -> str:
    """Return the category of the host's records of a function's invocations."""
    return f"Function.{function}"


def of_user(function: str) -> str:
    """Return the category of the records that a function logs."""
    return f"Function.{function}.User"


def _level(category: str, level: object) -> int:
    try:
        return _LEVELS[str(level).lower()]
    except KeyError:
        raise ValueError(f"logging.logLevel.{category}: {level!r} is not a log level") from None
