"""Function and master keys, and what a caller who holds one may do."""

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
    """What a function asks of its callers, and what a caller may do; a level includes the lower ones."""

    ANONYMOUS = 0
    FUNCTION = 1
    ADMIN = 2


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a host. They are printed once, at the start, and appear nowhere else."""

    master: str = field(repr=False)
    function: str = field(repr=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Take the keys that the environment gives, and make up the others."""
        return cls(
            master=environ.get(MASTER_KEY_SETTING) or secrets.token_urlsafe(_KEY_BYTES),
            function=environ.get(FUNCTION_KEY_SETTING) or secrets.token_urlsafe(_KEY_BYTES),
        )

    def level(self, presented: str) -> Level:
        """Return what a caller may do who presents this key, or an empty one."""
        given = presented.encode()
        if hmac.compare_digest(given, self.master.encode()):
            return Level.ADMIN
        if hmac.compare_digest(given, self.function.encode()):
            return Level.FUNCTION
        return Level.ANONYMOUS
