"""The header ``Idempotency-Key``: a request that is sent again creates nothing new."""

import re
from types import MappingProxyType

import azure.functions as func

from exporter.http.query import Query
from exporter.http.routing import Parameter

KEY_CHARACTERS_MAX = 200
_NAME = "Idempotency-Key"
_KEY = re.compile(rf"[!-~]{{1,{KEY_CHARACTERS_MAX}}}")


def idempotency_header(noun: str) -> Parameter:
    """Declare the header for requests that create a ``noun``."""
    return Parameter(
        _NAME,
        f"Any text, new for each {noun}. A request that is sent again with it creates no second {noun}.",
        MappingProxyType({"type": "string", "pattern": f"^{_KEY.pattern}$"}),
    )


def idempotency_key(req: func.HttpRequest, query: Query) -> str | None:
    """Return the key of a request, None without the header; a wrong one is a problem of the query."""
    key: str | None = req.headers.get(_NAME.lower())
    if key is not None and not _KEY.fullmatch(key):
        query.problem(_NAME, f"must have 1 to {KEY_CHARACTERS_MAX} visible ASCII characters")
    return key
