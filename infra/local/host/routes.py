"""Match requests to route templates of ASP.NET Core.

Routes are tried in the order of the function names, not the most specific first. A request with another
method does not match.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote

_PARAMETER = re.compile(
    r"\{(?P<star>\*{0,2})(?P<name>\w+)(?::(?P<constraint>\w+)(?:\((?P<argument>[^()]*)\))?)?(?P<optional>\?)?\}"
)
_CONSTRAINTS = {
    "int": r"-?\d+",
    "long": r"-?\d+",
    "decimal": r"-?[\d.]+",
    "double": r"-?[\d.eE+-]+",
    "alpha": "[a-zA-Z]+",
    "bool": "(?:true|false)",
    "guid": r"\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?",
}
_LENGTHS = {"length": "[^/]{%s}", "minlength": "[^/]{%s,}", "maxlength": "[^/]{1,%s}"}
_RESERVED = ("admin", "runtime")


@dataclass(frozen=True, slots=True)
class Route:
    """The route of one function. An empty set of methods means all methods."""

    function: str
    template: str
    methods: frozenset[str]
    pattern: re.Pattern[str]

    @classmethod
    def parse(cls, function: str, template: str, methods: Iterable[str], prefix: str) -> Self:
        """Compile a template such as ``items/{id:int}/{tail?}``; ``ValueError`` if it is not supported."""
        template = template.strip("/")
        if template.lower().startswith(_RESERVED):
            raise ValueError(
                f"route {template!r} conflicts with the host's own routes: it begins with admin or runtime"
            )
        whole = "/".join(part for part in (prefix.strip("/"), template) if part)
        pattern = "".join(_segment_pattern(segment) for segment in whole.split("/"))
        return cls(
            function,
            whole,
            frozenset(method.upper() for method in methods),
            re.compile(f"{pattern}/?", re.IGNORECASE),
        )

    def match(self, method: str, path: str) -> Mapping[str, str] | None:
        """Return the route parameters that are present; None if the request does not match."""
        found = self.pattern.fullmatch(path)
        if found is None or (self.methods and method not in self.methods):
            return None
        return {name: value for name, value in found.groupdict().items() if value}

    def overlaps(self, other: Self) -> bool:
        """Return whether both have the same template and a common method."""
        same_methods = not self.methods or not other.methods or self.methods & other.methods
        return self.template.lower() == other.template.lower() and bool(same_methods)


def decoded(path: str) -> str:
    """Decode a request's path. An encoded slash stays encoded: it separates no segments."""
    return unquote(re.sub("%2f", "%252F", path, flags=re.IGNORECASE))


def _segment_pattern(segment: str) -> str:
    """Return the pattern of a slash and a segment; both are optional if its only parameter is."""
    whole = _PARAMETER.fullmatch(segment)
    if whole and (whole["optional"] or whole["star"]):
        return f"(?:/{_parameter_pattern(whole)})?"
    pattern, end = "/", 0
    for match in _PARAMETER.finditer(segment):
        pattern += _literal(segment[end : match.start()]) + _parameter_pattern(match)
        end = match.end()
    return pattern + _literal(segment[end:])


def _literal(text: str) -> str:
    if "{" in text or "}" in text:
        raise ValueError(
            f"the local host does not support the route part {text!r}: only {{name}} with one constraint"
        )
    return re.escape(text)


def _parameter_pattern(match: re.Match[str]) -> str:
    name, constraint, argument = match["name"], match["constraint"], match["argument"]
    if match["star"]:
        return f"(?P<{name}>.*)"
    if constraint is None:
        return f"(?P<{name}>[^/]+)"
    if constraint in _CONSTRAINTS:
        return f"(?P<{name}>{_CONSTRAINTS[constraint]})"
    if constraint in _LENGTHS and argument:
        return f"(?P<{name}>{_LENGTHS[constraint] % argument})"
    raise ValueError(f"the local host does not support the route constraint {constraint!r}")
