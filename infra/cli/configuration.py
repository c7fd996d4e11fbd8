"""Destinations in a YAML file, and how they differ from those of an exporter.

What a destination may have, its defaults and which of it is secret are read from the OpenAPI document of the
exporter. A file need not hold secrets: ``client_secret: {env: NAME}`` takes one from an environment variable.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from infra.cli.client import NOT_AS_IT_SHOULD_BE, CommandError, Json

# The key of an entry that is no part of the body of a PUT.
STATUS = "status"
# A field of its own language: taken as a whole.
FILTER = "filter"
STATUSES = ("draft", "active", "paused")
_HEAD = """\
# Destinations of an exporter, for: blob-exporter apply, blob-exporter import.
# Secrets are not in this file: the exporter never shows them. Set the environment variables that it names.
"""


class Form:
    """The form of a destination, as the OpenAPI document of an exporter describes it."""

    def __init__(self, document: Json) -> None:
        self._schemas = document["components"]["schemas"]
        self._root = self._schemas["DestinationModel"]

    def public(self, destination: Json) -> Json:
        """Return a destination without secrets and read-only fields, and with all defaults."""
        found: Json = self._public(destination, self._root)
        found.pop("id", None)
        return _normal(found)

    def secrets(self, destination: Json) -> dict[str, str]:
        """Return the paths of the secrets that a destination has, with what to call them: its last names."""
        return {path: path.replace(".", "_") for path in self._secrets(destination, self._root, "")}

    def _public(self, value: Any, schema: Json) -> Any:  # noqa: ANN401  JSON
        schema = self._resolved(schema, value)
        if not isinstance(value, dict) or "properties" not in schema:
            return value
        found = {}
        for name, each in schema["properties"].items():
            if not self._is_secret(each) and not each.get("readOnly", False):
                given = value.get(name, each.get("default", self._empty(each)))
                found[name] = (given or None) if name == FILTER else self._public(given, each)
        return found

    def _empty(self, schema: Json) -> Json | None:
        """Return what a field without a default is if it is left out: null, or an object of defaults."""
        nullable = {"type": "null"} in schema.get("anyOf", [])
        return {} if not nullable and "properties" in self._resolved(schema, {}) else None

    def _secrets(self, value: Any, schema: Json, path: str) -> Iterator[str]:  # noqa: ANN401  JSON
        schema = self._resolved(schema, value)
        if isinstance(value, dict):
            for name, each in schema.get("properties", {}).items():
                if self._is_secret(each):
                    yield f"{path}{name}"
                elif name in value:
                    yield from self._secrets(value[name], each, f"{path}{name}.")

    def _is_secret(self, schema: Json) -> bool:
        return any(
            self._resolved(each, None).get("writeOnly", False) for each in schema.get("anyOf", [schema])
        )

    def _resolved(self, schema: Json, value: Any) -> Json:  # noqa: ANN401  JSON
        """Return the schema of a value: references, the one of several, and what is not null."""
        while True:
            if "$ref" in schema:
                schema = self._schemas[schema["$ref"].rpartition("/")[2]]
            elif "discriminator" in schema:
                kinds, kind = schema["discriminator"], value if isinstance(value, dict) else {}
                reference = kinds["mapping"].get(kind.get(kinds["propertyName"]))
                schema = {"$ref": reference} if reference else {}
            elif "anyOf" in schema:
                schema = next(each for each in schema["anyOf"] if each.get("type") != "null")
            else:
                return schema


def _normal(destination: Json) -> Json:
    """Return a destination as the exporter stores it: ids in lower case, no slash at the address's end."""
    credentials, storage = destination.get("credentials"), destination.get("storage")
    if isinstance(credentials, dict):
        for name in ("tenant_id", "client_id"):
            if isinstance(credentials.get(name), str):
                credentials[name] = credentials[name].lower()
    if isinstance(storage, dict) and isinstance(storage.get("account_url"), str):
        storage["account_url"] = storage["account_url"].rstrip("/")
    return destination


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that differs: what the exporter has, and what the file wants."""

    path: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Wanted:
    """A destination of a file: the body of its PUT, its status if the file names one."""

    id: str
    body: Json = field(repr=False)
    status: str | None

    def differences(self, form: Form, current: Json | None) -> list[Difference]:
        """Return the fields that differ from the destination of the exporter; None: it has none."""
        wanted = flat(form.public(self.body))
        before = {} if current is None else flat(form.public(current))
        paths = dict.fromkeys([*wanted, *before])
        if (self.body.get("storage") or {}).get("account_url") is None and current is not None:
            # The connection string names the account.
            paths.pop("storage.account_url", None)
        found = [
            Difference(path, before.get(path), wanted.get(path))
            for path in paths
            if before.get(path) != wanted.get(path)
        ]
        status = None if current is None else status_of(current)
        if self.status is not None and self.status != (status or "draft"):
            found.append(Difference(STATUS, status, self.status))
        return found

    def request(self, form: Form, *, secrets: bool, webhook_secret: bool) -> Json:
        """Return the body to put, with secrets or without; an unset variable of one is an error."""
        body: Json = _copied(self.body)
        for path in form.secrets(body):
            wanted = webhook_secret if path.startswith("notify.") else secrets
            *folders, name = path.split(".")
            holder = body
            for folder in folders:
                holder = holder[folder]
            if name in holder:
                holder[name] = _secret(holder[name], f"{self.id}: {path}") if wanted else None
                if holder[name] is None:
                    del holder[name]
        return body


def _copied(value: Any) -> Any:  # noqa: ANN401  JSON
    if isinstance(value, dict):
        return {name: _copied(each) for name, each in value.items()}
    return value


def _secret(value: object, where: str) -> str:
    if isinstance(value, dict) and set(value) == {"env"}:
        name = str(value["env"])
        found = os.environ.get(name)  # noqa: TID251  a command line tool reads it
        if not found:
            raise CommandError(f"{where}: the environment variable {name} is not set", NOT_AS_IT_SHOULD_BE)
        return found
    if isinstance(value, str):
        return value
    raise CommandError(f"{where}: must be a text or {{env: NAME}}", NOT_AS_IT_SHOULD_BE)


def status_of(destination: Json) -> str:
    """Return the status that requests set: a failing destination is an active one."""
    status = str(destination[STATUS])
    return "active" if status == "failing" else status


def flat(value: Mapping[str, Any], path: str = "") -> dict[str, object]:
    """Return the fields of a destination by their path; a filter is one field, and null is no field."""
    found: dict[str, object] = {}
    for name, each in value.items():
        if isinstance(each, dict) and name != FILTER:
            found |= flat(each, f"{path}{name}.")
        elif each is not None:
            found[f"{path}{name}"] = each
    return found


def read(path: Path) -> list[Wanted]:
    """Return the destinations of a file; an error names what is wrong with it."""
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CommandError(f"{path} cannot be read: {error}", NOT_AS_IT_SHOULD_BE) from None
    entries = document.get("destinations") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise CommandError(f"{path}: must have a list `destinations`", NOT_AS_IT_SHOULD_BE)
    found = [_wanted(each, path) for each in entries]
    ids = [each.id for each in found]
    if twice := sorted({each for each in ids if ids.count(each) > 1}):
        raise CommandError(f"{path}: {', '.join(twice)} is there twice", NOT_AS_IT_SHOULD_BE)
    return found


def _wanted(entry: Json, path: Path) -> Wanted:
    destination_id, status = entry.get("id"), entry.get(STATUS)
    if not isinstance(destination_id, str):
        raise CommandError(f"{path}: every destination needs an `id`", NOT_AS_IT_SHOULD_BE)
    if status not in {None, *STATUSES}:
        text = f"{path}: {destination_id}: status must be one of {', '.join(STATUSES)}"
        raise CommandError(text, NOT_AS_IT_SHOULD_BE)
    return Wanted(destination_id, {name: each for name, each in entry.items() if name != STATUS}, status)


def written(form: Form, destinations: list[Json]) -> str:
    """Return a file that holds destinations of an exporter, with a variable in place of each secret."""
    entries = []
    for each in destinations:
        entry: Json = {"id": each["id"], **_without_none(form.public(each)), STATUS: status_of(each)}
        for path, name in form.secrets(each).items():
            *folders, last = path.split(".")
            holder = entry
            for folder in folders:
                holder = holder[folder]
            holder[last] = {"env": variable_of(each["id"], name)}
        entries.append(entry)
    return _HEAD + yaml.safe_dump({"destinations": entries}, sort_keys=False, allow_unicode=True)


def variable_of(destination_id: str, name: str) -> str:
    """Return the environment variable for a secret: ``ACME_CREDENTIALS_CLIENT_SECRET``."""
    return f"{destination_id}_{name}".replace("-", "_").upper()


def _without_none(value: Json) -> Json:
    return {
        name: _without_none(each) if isinstance(each, dict) and name != FILTER else each
        for name, each in value.items()
        if each is not None
    }
