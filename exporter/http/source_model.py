"""The request body of a source, validated as a whole: all problems are reported at once."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from exporter.domain.allowed_hosts import AllowedHosts
from exporter.domain.errors import Invalid, Problem
from exporter.domain.hour import Hour
from exporter.domain.landing import EARLIEST
from exporter.domain.source import (
    BASE_URLS,
    ID_PATTERN,
    LAG_MINUTES_DEFAULT,
    LAG_MINUTES_MAX,
    LAG_MINUTES_MIN,
    REPULL_HOURS_DEFAULT,
    REPULLS_MAX,
    Region,
    SourceType,
)
from exporter.http.request_model import writable, wrong_fields
from exporter.http.schemas import HOUR_PATTERN, NOT_AN_HOUR
from exporter.http.source_view import READ_ONLY
from exporter.sources.edit import SourceDraft

# The original's keys have 32 characters.
KEY_CHARACTERS_MAX = 200
URL_CHARACTERS_MAX = 2048
# A year: later than that, hours are pulled again on request.
REPULL_HOURS_MAX = 8784
# Later than any source begins, and early enough to calculate with.
START_MAX = Hour.parse("2999-12-31T23")
_MINUTES_PER_HOUR = 60


def _api_key(text: str) -> str:
    if not _printable(text) or ":" in text:
        raise ValueError("must be the API key of the project, without spaces, line breaks and colons")
    return text


def _secret_key(secret: SecretStr) -> SecretStr:
    if not _printable(secret.get_secret_value()):
        raise ValueError("must be the secret key of the project, without spaces and line breaks")
    return secret


def _printable(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _start(text: str) -> str:
    try:
        hour = Hour.parse(text)
    except ValueError:
        raise ValueError(NOT_AN_HOUR) from None
    if not EARLIEST <= hour <= START_MAX:
        raise ValueError(f"must not be before {EARLIEST}, nor after {START_MAX}")
    return text


def _repull_hours(hours: list[int]) -> list[int]:
    if hours != sorted(set(hours)):
        raise ValueError("must be rising numbers of hours")
    return hours


class SourceModel(BaseModel):
    """A source without its read-only fields."""

    # Not strict: a strict enum accepts no JSON string.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    id: Annotated[str, Field(strict=True)] | None = None
    type: SourceType
    project_id: Annotated[int, Field(strict=True, gt=0, lt=2**63)]
    region: Region
    base_url: Annotated[str, Field(strict=True, max_length=URL_CHARACTERS_MAX)] | None = None
    api_key: Annotated[
        str, Field(strict=True, min_length=1, max_length=KEY_CHARACTERS_MAX), AfterValidator(_api_key)
    ]
    secret_key: (
        Annotated[
            SecretStr,
            Field(strict=True, min_length=1, max_length=KEY_CHARACTERS_MAX),
            AfterValidator(_secret_key),
        ]
        | None
    ) = None
    start: (
        Annotated[
            str,
            Field(strict=True, json_schema_extra={"pattern": HOUR_PATTERN}),
            AfterValidator(_start),
        ]
        | None
    ) = None
    lag_minutes: Annotated[int, Field(strict=True, ge=LAG_MINUTES_MIN, le=LAG_MINUTES_MAX)] = (
        LAG_MINUTES_DEFAULT
    )
    repull_hours: Annotated[
        list[Annotated[int, Field(strict=True, ge=1, le=REPULL_HOURS_MAX)]],
        Field(strict=True, max_length=REPULLS_MAX),
        AfterValidator(_repull_hours),
    ] = Field(default_factory=lambda: list(REPULL_HOURS_DEFAULT))


def parse_source(source_id: str, body: object, hosts: AllowedHosts) -> SourceDraft:
    """Return the source of a request, or raise ``Invalid`` with every problem; ``hosts`` are PULL_HOSTS.

    The read-only fields of an answer are ignored.
    """
    body = writable(body, READ_ONLY)
    problems = [] if ID_PATTERN.fullmatch(source_id) else [_wrong_id()]
    if isinstance(body, dict):
        problems += _cross_field_problems(source_id, body, hosts)
    try:
        model = SourceModel.model_validate(body)
    except ValidationError as error:
        raise Invalid(*problems, *wrong_fields(error)) from error
    if problems:
        raise Invalid(*problems)
    return SourceDraft(
        id=source_id,
        type=model.type,
        project_id=model.project_id,
        region=model.region,
        base_url=model.base_url.rstrip("/") if model.base_url else None,
        api_key=model.api_key,
        secret_key=model.secret_key.get_secret_value() if model.secret_key else None,
        start=Hour.parse(model.start) if model.start else None,
        lag_minutes=model.lag_minutes,
        repull_hours=tuple(model.repull_hours),
    )


def _wrong_id() -> Problem:
    return Problem("id", "must be 1 to 63 characters of a-z, 0-9 and hyphens, without a hyphen at either end")


def _cross_field_problems(
    source_id: str, body: dict[object, object], hosts: AllowedHosts
) -> Iterator[Problem]:
    """Yield problems that the model does not see, so that they are reported with the others."""
    if isinstance(body.get("id"), str) and body["id"] != source_id:
        yield Problem("id", "must equal the id in the path, or be left out")
    url, region = body.get("base_url"), body.get("region")
    if isinstance(url, str) and (wrong := hosts.objection(url)):
        yield Problem("base_url", wrong)
    api = BASE_URLS[Region(str(region))] if url is None and region in list(Region) else None
    if api and (wrong := hosts.objection(api)):
        yield Problem("region", f"has an API whose address {wrong}")
    lag, repulls = body.get("lag_minutes", LAG_MINUTES_DEFAULT), body.get("repull_hours")
    # A truth value is a number in Python, and is refused by the model.
    if (
        type(lag) is int
        and isinstance(repulls, list)
        and any(type(hours) is int and 0 < hours * _MINUTES_PER_HOUR <= lag for hours in repulls)
    ):
        yield Problem("repull_hours", "must each be longer than lag_minutes")
