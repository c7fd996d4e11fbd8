"""What a request may say of credentials: one model for each type, told apart by ``type``.

A secret may be left out of a replacement, which then keeps the stored one. No message repeats a secret.
"""

import re
from typing import Annotated, Literal
from urllib.parse import parse_qs

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationInfo

from exporter.domain.allowed_hosts import AllowedHosts, account_objection, account_of, blob_endpoints
from exporter.domain.destination import CredentialsType

# Entra's own secrets have 40 characters; a connection string with a signature has a few hundred.
SECRET_CHARACTERS_MAX = 4096
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_DOMAIN = re.compile(
    r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.ASCII | re.IGNORECASE
)


class _Credentials(BaseModel):
    """Unknown fields are errors; what was sent is in no error."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


def allowed_hosts(info: ValidationInfo) -> AllowedHosts:
    """Return the hosts that destinations may name: they are the context of every validation."""
    if not isinstance(info.context, AllowedHosts):
        raise TypeError("the hosts that destinations may name are the context of validation")
    return info.context


def _tenant(text: str) -> str:
    if not (_GUID.fullmatch(text) or _DOMAIN.fullmatch(text)):
        raise ValueError("must be the directory's (tenant's) ID or domain: see Microsoft Entra ID > Overview")
    return text.lower()


def _client(text: str) -> str:
    if not _GUID.fullmatch(text):
        raise ValueError(
            "must be an application's (client's) ID, such as 3f0c1e6a-0000-4000-8000-000000000000"
        )
    return text.lower()


def _secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text or text != text.strip() or not text.isprintable() or not text.isascii():
        raise ValueError("must be the secret as Azure shows it: no spaces around it, no line breaks")
    return secret


def _sas_token(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value().removeprefix("?")
    if "://" in text.partition("?")[0]:
        raise ValueError("must be the token alone, without the address: what follows the ? of the URL")
    if "sig" not in parse_qs(text) or any(mark in text for mark in "?#/\\ "):
        raise ValueError("must be a shared access signature: it begins with sv= and holds sig=")
    return SecretStr(text)


def _connection_string(secret: SecretStr, info: ValidationInfo) -> SecretStr:
    hosts, endpoints = allowed_hosts(info), blob_endpoints(secret.get_secret_value())
    for endpoint in endpoints:
        if wrong := hosts.objection(endpoint) or account_objection(endpoint):
            raise ValueError(f"its blob endpoint {wrong}")
    if len(set(map(account_of, endpoints))) > 1:
        raise ValueError("its blob endpoints are those of two accounts")
    return secret


type _Tenant = Annotated[str, AfterValidator(_tenant)]
type _Client = Annotated[str, AfterValidator(_client)]
type _Secret = Annotated[SecretStr, Field(max_length=SECRET_CHARACTERS_MAX)]


class ServicePrincipalModel(_Credentials):
    """An application of Microsoft Entra ID, with a secret: what is recommended."""

    type: Literal["service_principal"]
    tenant_id: _Tenant
    client_id: _Client
    client_secret: Annotated[_Secret, AfterValidator(_secret)] | None = None


class ManagedIdentityModel(_Credentials):
    """The exporter's own identity in Azure; with ``client_id`` one that was assigned to it by a user."""

    type: Literal["managed_identity"]
    client_id: _Client | None = None


class SasModel(_Credentials):
    """A shared access signature of the account or the container."""

    type: Literal["sas"]
    sas_token: Annotated[_Secret, AfterValidator(_secret), AfterValidator(_sas_token)] | None = None


class ConnectionStringModel(_Credentials):
    """A connection string, which names the account, too."""

    type: Literal["connection_string"]
    connection_string: Annotated[_Secret, AfterValidator(_connection_string)] | None = None


type CredentialsModel = Annotated[
    ServicePrincipalModel | ManagedIdentityModel | SasModel | ConnectionStringModel,
    Field(discriminator="type"),
]


def type_of(model: BaseModel) -> CredentialsType:
    """Return the type of checked credentials."""
    return CredentialsType(model.model_dump(include={"type"})["type"])


def secret_of(model: BaseModel) -> str | None:
    """Return the secret that the request brings, or None."""
    field = type_of(model).secret_field
    secret = getattr(model, field) if field else None
    return secret.get_secret_value() if isinstance(secret, SecretStr) else None
