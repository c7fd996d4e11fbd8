"""The credentials in a request: one model for each type, chosen by ``type``.

A replacement may leave out the secret, to keep the stored one. No message repeats a secret.
"""

import re
from typing import Annotated, Literal
from urllib.parse import parse_qs

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationInfo

from exporter.domain.allowed_hosts import AllowedHosts, account_objection, account_of, blob_endpoints
from exporter.domain.destination import CredentialsType
from exporter.http.request_model import StrictModel

# An Entra ID secret has 40 characters, a connection string with a signature a few hundred.
SECRET_CHARACTERS_MAX = 4096
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_DOMAIN = re.compile(
    r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.ASCII | re.IGNORECASE
)


def allowed_hosts(info: ValidationInfo) -> AllowedHosts:
    """Return the allowed hosts from the validation context."""
    if not isinstance(info.context, AllowedHosts):
        raise TypeError("the validation context must be the allowed hosts")
    return info.context


def _tenant(text: str) -> str:
    if not (_GUID.fullmatch(text) or _DOMAIN.fullmatch(text)):
        raise ValueError("must be a directory (tenant) ID or domain: see Microsoft Entra ID > Overview")
    return text.lower()


def _client(text: str) -> str:
    if not _GUID.fullmatch(text):
        raise ValueError("must be an application (client) ID, such as 3f0c1e6a-0000-4000-8000-000000000000")
    return text.lower()


def _secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text or text != text.strip() or not text.isprintable() or not text.isascii():
        raise ValueError("must be the secret as Azure shows it, without surrounding spaces or line breaks")
    return secret


def _sas_token(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value().removeprefix("?")
    if "://" in text.partition("?")[0]:
        raise ValueError("must be the token only: the part of the URL after the question mark")
    if "sig" not in parse_qs(text) or any(mark in text for mark in "?#/\\ "):
        raise ValueError("must be a shared access signature, which begins with sv= and contains sig=")
    return SecretStr(text)


def _connection_string(secret: SecretStr, info: ValidationInfo) -> SecretStr:
    hosts, endpoints = allowed_hosts(info), blob_endpoints(secret.get_secret_value())
    for endpoint in endpoints:
        if wrong := hosts.objection(endpoint) or account_objection(endpoint):
            raise ValueError(f"its blob endpoint {wrong}")
    if len(set(map(account_of, endpoints))) > 1:
        raise ValueError("its blob endpoints belong to two accounts")
    return secret


type _Tenant = Annotated[str, AfterValidator(_tenant)]
type _Client = Annotated[str, AfterValidator(_client)]
type _Secret = Annotated[SecretStr, Field(max_length=SECRET_CHARACTERS_MAX)]


class ServicePrincipalModel(StrictModel):
    """An application in Microsoft Entra ID with a client secret. Recommended."""

    type: Literal["service_principal"]
    tenant_id: _Tenant
    client_id: _Client
    client_secret: Annotated[_Secret, AfterValidator(_secret)] | None = None


class ManagedIdentityModel(StrictModel):
    """The managed identity of the exporter; with ``client_id`` a user-assigned one."""

    type: Literal["managed_identity"]
    client_id: _Client | None = None


class WorkloadIdentityModel(StrictModel):
    """An application that trusts the exporter's managed identity: no secret at all."""

    type: Literal["workload_identity"]
    tenant_id: _Tenant
    client_id: _Client


class SasModel(StrictModel):
    """A shared access signature of the account or the container."""

    type: Literal["sas"]
    sas_token: Annotated[_Secret, AfterValidator(_secret), AfterValidator(_sas_token)] | None = None


class ConnectionStringModel(StrictModel):
    """A connection string, which also names the account."""

    type: Literal["connection_string"]
    connection_string: Annotated[_Secret, AfterValidator(_connection_string)] | None = None


type CredentialsModel = Annotated[
    ServicePrincipalModel | ManagedIdentityModel | WorkloadIdentityModel | SasModel | ConnectionStringModel,
    Field(discriminator="type"),
]


def type_of(model: BaseModel) -> CredentialsType:
    """Return the type of validated credentials."""
    return CredentialsType(model.model_dump(include={"type"})["type"])


def secret_of(model: BaseModel) -> str | None:
    """Return the secret of the request, or None."""
    field = type_of(model).secret_field
    secret = getattr(model, field) if field else None
    return secret.get_secret_value() if isinstance(secret, SecretStr) else None
