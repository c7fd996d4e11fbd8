"""Which log records are kept: ``logging.logLevel`` of host.json, by category, as the real host reads it.

What a function logs has the category ``Function.<name>.User``, what the host says of its invocations
``Function.<name>``. The level of the longest name that a category begins with decides, else ``default``.
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
    """The least level, of Python's ``logging``, by the beginning of a category in lower case."""

    levels: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, document: Mapping[str, object]) -> Self:
        """Read ``logging.logLevel``; ``ValueError`` names a level that does not exist."""
        return cls({name.lower(): _level(name, level) for name, level in document.items()})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what ``to_json`` has written."""
        return cls(json.loads(text))

    def to_json(self) -> str:
        """Return the levels as text, for another process."""
        return json.dumps(dict(self.levels))

    def level(self, category: str) -> int:
        """Return the least level that is kept of a category."""
        lowered = category.lower()
        names = [name for name in self.levels if name != _DEFAULT and lowered.startswith(name)]
        return self.levels.get(max(names, key=len, default=_DEFAULT), logging.INFO)

    def keeps(self, category: str, level: int) -> bool:
        """Whether a record of this category and level is kept."""
        return level >= self.level(category)


def of_invocations(function: str) -> str:
    """Return the category of what the host says of a function's invocations."""
    return f"Function.{function}"


def of_user(function: str) -> str:
    """Return the category of what a function logs itself."""
    return f"Function.{function}.User"


def _level(category: str, level: object) -> int:
    try:
        return _LEVELS[str(level).lower()]
    except KeyError:
        raise ValueError(f"logging.logLevel.{category}: {level!r} is no log level") from None
