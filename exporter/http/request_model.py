"""The base class of request models, and the problems of a request that does not fit one."""

from collections.abc import Collection, Iterator

from pydantic import BaseModel, ConfigDict, ValidationError

from exporter.domain.destination import CredentialsType
from exporter.domain.errors import Problem, named

_MESSAGES = {
    "extra_forbidden": "is not a known field: check its spelling",
    "missing": "is missing",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "union_tag_not_found": "is missing",
    "union_tag_invalid": f"must be one of {', '.join(CredentialsType)}",
}


class StrictModel(BaseModel):
    """A model that refuses unknown fields and converts no types. Its errors hold no input."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


def writable(body: object, read_only: Collection[str]) -> object:
    """Return a body without its read-only fields, so that an answer can be sent back."""
    if not isinstance(body, dict):
        return body
    return {name: value for name, value in body.items() if name not in read_only}


def wrong_fields(error: ValidationError) -> list[Problem]:
    """Return the errors of pydantic as problems.

    No problem repeats a value, and an unknown key is named only if it looks like a field name: secrets are
    pasted in wrong places.
    """
    return [
        Problem(
            ".".join(_path(each["loc"], each["type"])) or "(body)",
            _MESSAGES.get(each["type"]) or each["msg"].removeprefix("Value error, "),
        )
        for each in error.errors(include_input=False, include_context=False, include_url=False)
    ]


def _path(loc: tuple[int | str, ...], error: str) -> Iterator[str]:
    """Yield the path of a field without the credentials type, which pydantic inserts."""
    for number, place in enumerate(loc):
        if number != 1 or loc[0] != "credentials" or place not in set(CredentialsType):
            yield named(place) if error == "extra_forbidden" and number == len(loc) - 1 else str(place)
    if error.startswith("union_tag"):
        yield "type"
