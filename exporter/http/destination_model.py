"""The request body of a destination, validated as a whole: all problems are reported at once."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo

from exporter.destinations.edit import Draft
from exporter.domain.allowed_hosts import (
    CONTAINER_NAME,
    NO_OWN_CONTAINERS,
    NO_WEBHOOKS,
    AllowedHosts,
    OwnContainers,
    account_objection,
    account_of,
    blob_endpoint,
)
from exporter.domain.destination import (
    ID_PATTERN,
    PART_MIB_DEFAULT,
    PART_MIB_MAX,
    Compression,
    CredentialsType,
    ExtraKeys,
    Output,
    Status,
    StorageTarget,
)
from exporter.domain.errors import Invalid, Problem
from exporter.domain.file_names import NameStyle, PathLayout
from exporter.domain.notifications import secret_objection
from exporter.domain.timestamps import TimestampFormat
from exporter.http.credentials_model import (
    SECRET_CHARACTERS_MAX,
    CredentialsModel,
    allowed_hosts,
    secret_of,
    type_of,
)
from exporter.http.destination_view import READ_ONLY
from exporter.http.filter_model import FilterField, event_filter
from exporter.http.request_model import StrictModel, writable, wrong_fields

NAME_CHARACTERS_MAX = 200
# Azure allows blob names of 1,024 UTF-16 units; folder and name of the longest file need 90 of them.
PREFIX_CHARACTERS_MAX = 512
# With a hierarchical namespace Azure allows 63 path segments (else 254); layout and name need two.
PREFIX_FOLDERS_MAX = 60


def _prefix(text: str) -> str:
    for wrong, message in _prefix_rules(text) if text else ():
        if wrong:
            raise ValueError(message)
    return text


def _prefix_rules(text: str) -> Iterator[tuple[bool, str]]:
    """Yield whether the prefix breaks a rule, and the message of the rule.

    Azure or a common tool changes such a prefix to another one.
    """
    folders = text.split("/")
    yield not all(folders), "must not begin or end with a slash, or contain a double slash"
    yield "\\" in text or not text.isprintable(), "must not contain backslashes or control characters"
    padded = any(folder != folder.strip() for folder in folders)
    yield padded, "must not contain a folder that begins or ends with a space"
    dotted = any(folder.endswith(".") for folder in folders)
    yield dotted, "must not contain a folder that ends with a dot, such as . or .."
    units = len(text.encode("utf-16-le")) // 2
    yield (
        units > PREFIX_CHARACTERS_MAX,
        f"must have at most {PREFIX_CHARACTERS_MAX} characters (UTF-16 units)",
    )
    yield len(folders) > PREFIX_FOLDERS_MAX, f"must have at most {PREFIX_FOLDERS_MAX} folders"


def _container(text: str) -> str:
    if not CONTAINER_NAME.fullmatch(text):
        raise ValueError("must be a container name: 3 to 63 characters of a-z, 0-9 and single hyphens")
    return text


type _SourceId = Annotated[int, Field(gt=0, lt=2**63)]


class EventsModel(StrictModel):
    """Export the events of a project."""

    project_id: _SourceId
    filter: FilterField = None


class MergedIdsModel(StrictModel):
    """Export the merged user ids of an organization."""

    org_id: _SourceId


def _account_url(url: str, info: ValidationInfo) -> str:
    if wrong := allowed_hosts(info).objection(url) or account_objection(url):
        raise ValueError(wrong)
    return url.rstrip("/")


class StorageModel(StrictModel):
    """The target of the files."""

    account_url: Annotated[str, AfterValidator(_account_url)] | None = None
    container: Annotated[
        str,
        AfterValidator(_container),
        Field(json_schema_extra={"pattern": f"^{CONTAINER_NAME.pattern}$"}),
    ]
    prefix: Annotated[str, Field(max_length=PREFIX_CHARACTERS_MAX), AfterValidator(_prefix)] = ""


class OutputModel(BaseModel):
    """The format and the names of the files."""

    # Not strict: a strict enum accepts no JSON string.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name_style: NameStyle = NameStyle.AMPLITUDE
    path_layout: PathLayout = PathLayout.FLAT
    timestamp_format: TimestampFormat = TimestampFormat.ISO8601
    extra_keys: ExtraKeys = ExtraKeys.DROP
    completion_marker: Annotated[bool, Field(strict=True)] = True
    max_part_mib: Annotated[int, Field(strict=True, ge=1, le=PART_MIB_MAX)] = PART_MIB_DEFAULT
    compression: Compression = Compression.BALANCED


def _webhook_secret_form(secret: SecretStr) -> SecretStr:
    if wrong := secret_objection(secret.get_secret_value()):
        raise ValueError(wrong)
    return secret


class NotifyModel(StrictModel):
    """The webhook for notifications. The secret signs the calls; without it the stored one is kept.

    For a day after a change of the secret, calls are signed with both.
    """

    url: Annotated[str, Field(max_length=2048)]
    secret: (
        Annotated[
            SecretStr,
            Field(min_length=16, max_length=SECRET_CHARACTERS_MAX),
            AfterValidator(_webhook_secret_form),
        ]
        | None
    ) = None


def _show_read_only(schema: dict[str, Any]) -> None:
    shown = {"readOnly": True, "description": "As in the answer, or left out."}
    schema["properties"].update(dict.fromkeys(sorted(READ_ONLY), shown))


class DestinationModel(StrictModel):
    """A destination. An answer can be sent back: its read-only fields may be in the request."""

    model_config = ConfigDict(json_schema_extra=_show_read_only)

    id: str | None = None
    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX)]
    events: EventsModel | None = None
    merged_ids: MergedIdsModel | None = None
    storage: StorageModel
    credentials: CredentialsModel
    output: OutputModel = Field(default_factory=OutputModel)
    notify: NotifyModel | None = None


def parse_draft(
    destination_id: str,
    body: object,
    hosts: AllowedHosts,
    notify_hosts: AllowedHosts = NO_WEBHOOKS,
    own: OwnContainers = NO_OWN_CONTAINERS,
) -> Draft:
    """Return the destination of a request, or raise ``Invalid`` with every problem.

    Without ``account_url``, a connection string decides the account. Of the read-only fields, ``stated`` has
    those that are compared with the stored destination; the others, which change by themselves, are ignored.
    """
    stated = _stated(body)
    body = writable(body, READ_ONLY)
    problems, chosen_filter = [] if ID_PATTERN.fullmatch(destination_id) else [_wrong_id()], None
    if isinstance(body, dict):
        problems += _cross_field_problems(destination_id, body)
        problems += _webhook_problems(body.get("notify"), notify_hosts)
        chosen_filter = event_filter(_filter_of(body), "events.filter", problems)
    try:
        model = DestinationModel.model_validate(body, context=hosts)
    except ValidationError as error:
        raise Invalid(*problems, *wrong_fields(error)) from error
    credentials, url = model.credentials, model.storage.account_url
    kind, secret = type_of(credentials), secret_of(credentials)
    if kind is CredentialsType.CONNECTION_STRING and secret:
        endpoint = blob_endpoint(secret)
        url = url or endpoint
        if account_of(url) != account_of(endpoint):
            wrong = "is not the account of the connection string"
            problems.append(Problem("storage.account_url", wrong))
    if url and own.hold(url, model.storage.container):
        problems.append(
            Problem("storage.container", "belongs to the exporter itself: choose another container")
        )
    if problems:
        raise Invalid(*problems)
    return Draft(
        id=destination_id,
        name=model.name,
        storage=StorageTarget(model.storage.container, url, model.storage.prefix),
        credentials_type=kind,
        secret=secret,
        tenant_id=getattr(credentials, "tenant_id", None),
        client_id=getattr(credentials, "client_id", None),
        project_id=model.events.project_id if model.events else None,
        org_id=model.merged_ids.org_id if model.merged_ids else None,
        output=Output(**dict(model.output)),
        event_filter=chosen_filter,
        webhook_url=model.notify.url if model.notify else None,
        webhook_secret=_webhook_secret(model.notify),
        stated=stated,
    )


def _stated(body: object) -> dict[str, object]:
    """Return status and times of a body, in the form of the stored ones where they have it."""
    given = body if isinstance(body, dict) else {}
    stated = {name: given[name] for name in ("status", "created_at", "activated_at") if name in given}
    if stated.get("status") == Status.FAILING:
        stated["status"] = Status.ACTIVE
    for name in stated.keys() - {"status"}:
        if isinstance(stated[name], str):
            with suppress(ValueError):
                stated[name] = datetime.fromisoformat(stated[name])
    return stated


def _webhook_secret(notify: NotifyModel | None) -> str | None:
    return notify.secret.get_secret_value() if notify and notify.secret else None


def _webhook_problems(notify: object, hosts: AllowedHosts) -> Iterator[Problem]:
    url = notify.get("url") if isinstance(notify, dict) else None
    if isinstance(url, str) and (wrong := hosts.objection(url)):
        yield Problem("notify.url", wrong)


def _wrong_id() -> Problem:
    return Problem("id", "must be 1 to 63 characters of a-z, 0-9 and hyphens, without a hyphen at either end")


def _filter_of(body: dict[object, object]) -> object:
    """Return the filter of the raw body, so that its problems are reported with the others."""
    events = body.get("events")
    return events.get("filter") if isinstance(events, dict) else None


def _cross_field_problems(destination_id: str, body: dict[object, object]) -> Iterator[Problem]:
    """Yield problems between fields, found in the raw body, so that they are reported with the others."""
    if body.get("events") is None and body.get("merged_ids") is None:
        yield Problem("events", "is missing, and so is merged_ids: send at least one of them")
    if body.get("id") is not None and body["id"] != destination_id:
        yield Problem("id", "must equal the id in the path, or be left out")
    storage, credentials = body.get("storage"), body.get("credentials")
    if isinstance(storage, dict) and isinstance(credentials, dict) and storage.get("account_url") is None:
        kind = credentials.get("type")
        if isinstance(kind, str) and kind in set(CredentialsType) - {CredentialsType.CONNECTION_STRING}:
            yield Problem(
                "storage.account_url", f"is missing: credentials of type {kind} do not name the account"
            )
