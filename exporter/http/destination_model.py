"""What a request for a destination may look like, checked whole: every wrong field is told at once."""

from collections.abc import Iterator
from typing import Annotated

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
    StorageTarget,
)
from exporter.domain.errors import Invalid, Problem, named
from exporter.domain.file_names import NameStyle, PathLayout
from exporter.domain.timestamps import TimestampFormat
from exporter.http.credentials_model import (
    SECRET_CHARACTERS_MAX,
    CredentialsModel,
    allowed_hosts,
    secret_of,
    type_of,
)
from exporter.http.filter_model import FilterField, event_filter
from exporter.http.schemas import DestinationView

NAME_CHARACTERS_MAX = 200
# Storage takes names of 1,024 UTF-16 units; folder and name of the longest file of ours have 90 of them.
PREFIX_CHARACTERS_MAX = 512
# Storage with a hierarchical namespace takes names of 63 segments (others 254); ours are two more.
PREFIX_FOLDERS_MAX = 60
# What answers say of a destination besides what was put: whoever sends it back hears what is wrong with that.
READ_ONLY = frozenset(DestinationView.__annotations__) - {
    *("id", "name", "events", "merged_ids", "storage", "credentials", "output", "notify")
}


class _Strict(BaseModel):
    """Unknown fields are errors: a mistyped option must not be taken for its default."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


def _prefix(text: str) -> str:
    for wrong, message in _wrong_prefixes(text) if text else ():
        if wrong:
            raise ValueError(message)
    return text


def _wrong_prefixes(text: str) -> Iterator[tuple[bool, str]]:
    """Yield, for each way in which storage or a tool would make another prefix of it, whether this is one."""
    folders = text.split("/")
    yield not all(folders), "must not begin or end with a slash, nor hold a double slash"
    yield "\\" in text or not text.isprintable(), "must not hold backslashes or control characters"
    padded = any(folder != folder.strip() for folder in folders)
    yield padded, "must not hold a folder that begins or ends with a space"
    dotted = any(folder.endswith(".") for folder in folders)
    yield dotted, "must not hold a folder that ends with a dot; . and .. are among them"
    units = len(text.encode("utf-16-le")) // 2
    yield (
        units > PREFIX_CHARACTERS_MAX,
        f"must have at most {PREFIX_CHARACTERS_MAX} characters (UTF-16 units)",
    )
    yield len(folders) > PREFIX_FOLDERS_MAX, f"must have at most {PREFIX_FOLDERS_MAX} folders"


def _container(text: str) -> str:
    if not CONTAINER_NAME.fullmatch(text):
        raise ValueError("must be the name of a container: 3 to 63 of a-z, 0-9 and single hyphens")
    return text


type _SourceId = Annotated[int, Field(gt=0, lt=2**63)]


class EventsModel(_Strict):
    """Send the events of a project."""

    project_id: _SourceId
    filter: FilterField = None


class MergedIdsModel(_Strict):
    """Send the merged user ids of an organization."""

    org_id: _SourceId


def _account_url(url: str, info: ValidationInfo) -> str:
    if wrong := allowed_hosts(info).objection(url) or account_objection(url):
        raise ValueError(wrong)
    return url.rstrip("/")


class StorageModel(_Strict):
    """Where the files go."""

    account_url: Annotated[str, AfterValidator(_account_url)] | None = None
    container: Annotated[
        str,
        AfterValidator(_container),
        Field(json_schema_extra={"pattern": f"^{CONTAINER_NAME.pattern}$"}),
    ]
    prefix: Annotated[str, Field(max_length=PREFIX_CHARACTERS_MAX), AfterValidator(_prefix)] = ""


class OutputModel(BaseModel):
    """How the files look. Not strict: the options are named by strings."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name_style: NameStyle = NameStyle.AMPLITUDE
    path_layout: PathLayout = PathLayout.FLAT
    timestamp_format: TimestampFormat = TimestampFormat.ISO8601
    extra_keys: ExtraKeys = ExtraKeys.DROP
    completion_marker: Annotated[bool, Field(strict=True)] = True
    max_part_mib: Annotated[int, Field(strict=True, ge=1, le=PART_MIB_MAX)] = PART_MIB_DEFAULT
    compression: Compression = Compression.BALANCED


class NotifyModel(_Strict):
    """Who is told what happens: calls are signed with the secret, which is kept if it is left out."""

    url: Annotated[str, Field(max_length=2048)]
    secret: Annotated[SecretStr, Field(min_length=16, max_length=SECRET_CHARACTERS_MAX)] | None = None


class DestinationModel(_Strict):
    """A destination, as it is put."""

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
    """Return the destination that a request describes, or raise ``Invalid`` with all that is wrong.

    Where a connection string comes without ``account_url``, its account is the destination's from then on.
    """
    problems, asked = [] if ID_PATTERN.fullmatch(destination_id) else [_wrong_id()], None
    if isinstance(body, dict):
        problems += _problems_of_the_whole(destination_id, body)
        problems += _problems_of_notify(body.get("notify"), notify_hosts)
        asked = event_filter(_filter_of(body), "events.filter", problems)
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
            wrong = "is not the account that the connection string names"
            problems.append(Problem("storage.account_url", wrong))
    if url and own.hold(url, model.storage.container):
        problems.append(
            Problem("storage.container", "is one of the exporter's own: choose another container")
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
        event_filter=asked,
        webhook_url=model.notify.url if model.notify else None,
        webhook_secret=_secret_of_notify(model.notify),
    )


def _secret_of_notify(notify: NotifyModel | None) -> str | None:
    return notify.secret.get_secret_value() if notify and notify.secret else None


def _problems_of_notify(notify: object, hosts: AllowedHosts) -> Iterator[Problem]:
    url = notify.get("url") if isinstance(notify, dict) else None
    if isinstance(url, str) and (wrong := hosts.objection(url)):
        yield Problem("notify.url", wrong)


def _wrong_id() -> Problem:
    return Problem("id", "must be 1 to 63 of a-z, 0-9 and hyphens, with no hyphen at either end")


def _filter_of(body: dict[object, object]) -> object:
    """Return the filter as it was sent: what is wrong with it is told with all the rest."""
    events = body.get("events")
    return events.get("filter") if isinstance(events, dict) else None


def _problems_of_the_whole(destination_id: str, body: dict[object, object]) -> Iterator[Problem]:
    """Yield what no field shows by itself; asked of the raw body, so that it is told with all the rest."""
    if body.get("events") is None and body.get("merged_ids") is None:
        yield Problem("events", "is missing, and so is merged_ids: give at least one of them")
    if body.get("id") is not None and body["id"] != destination_id:
        yield Problem("id", "must be the one in the path, or be left out")
    storage, credentials = body.get("storage"), body.get("credentials")
    if isinstance(storage, dict) and isinstance(credentials, dict) and storage.get("account_url") is None:
        kind = credentials.get("type")
        if isinstance(kind, str) and kind in set(CredentialsType) - {CredentialsType.CONNECTION_STRING}:
            yield Problem(
                "storage.account_url", f"is missing: credentials of the type {kind} name no account"
            )


_MESSAGES = {
    "extra_forbidden": "is not known here: check its spelling",
    "missing": "is missing",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "union_tag_not_found": "is missing",
    "union_tag_invalid": f"must be one of {', '.join(CredentialsType)}",
}


def wrong_fields(error: ValidationError) -> list[Problem]:
    """Return what pydantic found in the form of problem documents.

    What was sent is not repeated, and an unknown key only if it looks like the name of a field: people paste
    secrets in wrong places.
    """
    return [
        Problem(
            ".".join(_places(each["loc"], each["type"])) or "(body)",
            _message(each["type"], each["loc"]) or each["msg"].removeprefix("Value error, "),
        )
        for each in error.errors(include_input=False, include_context=False, include_url=False)
    ]


def _message(error: str, loc: tuple[int | str, ...]) -> str | None:
    """Return our own words for what pydantic found, where we have any."""
    if error == "extra_forbidden" and len(loc) == 1 and loc[0] in READ_ONLY:
        return "is read only: leave it out"
    return _MESSAGES.get(error)


def _places(loc: tuple[int | str, ...], error: str) -> Iterator[str]:
    """Yield the path of a field; the type of credentials, which pydantic puts in between, is no field."""
    for number, place in enumerate(loc):
        if number != 1 or loc[0] != "credentials" or place not in set(CredentialsType):
            yield named(place) if error == "extra_forbidden" and number == len(loc) - 1 else str(place)
    if error.startswith("union_tag"):
        yield "type"
