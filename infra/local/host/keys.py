"""Function and master keys, and the authorization level of a caller who presents one."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

MASTER_KEY_SETTING = "FUNCTIONS_LOCAL_MASTER_KEY"
FUNCTION_KEY_SETTING = "FUNCTIONS_LOCAL_FUNCTION_KEY"
_KEY_BYTES = 32


class Level(IntEnum):
    """An authorization level: a function requires one, a caller has one. It includes the lower ones."""

    ANONYMOUS = 0
    FUNCTION = 1
    ADMIN = 2


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a host. They are printed once, at the start, and are never logged."""

    master: str = field(repr=False)
    function: str = field(repr=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the keys from the environment; generate those that are missing."""
        return cls(
            master=environ.get(MASTER_KEY_SETTING) or secrets.token_urlsafe(_KEY_BYTES),
            function=environ.get(FUNCTION_KEY_SETTING) or secrets.token_urlsafe(_KEY_BYTES),
        )

    def level(self, presented: str) -> Level:
        """Return the level of a caller who presents this key; an empty text is no key."""
        given = presented.encode()
        if hmac.compare_digest(given, self.master.encode()):
            return Level.ADMIN
        if hmac.compare_digest(given, self.function.encode()):
            return Level.FUNCTION
        return Level.ANONYMOUS
