"""A token service on loopback in place of Microsoft Entra ID, with Entra's own error messages.

Applications sign in with a secret, or with the token of a managed identity that they trust (client
credentials, v2.0); the service also issues such tokens, as Azure does to a function app. Azurite accepts its
tokens if it was started with ``--oauth basic`` over https.
"""

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from infra.local.certificates import Certificate

TOKEN_SECONDS = 3599
_ISSUER = "https://sts.windows.net"
_SCOPE_END = "/.default"
_IDENTITY_PATH = "/msi/token"
_EXCHANGE = "api://AzureADTokenExchange"


@dataclass(slots=True)
class Directory:
    """A tenant and its applications: secrets by client id, expired secrets, disabled client ids.

    ``trusted`` has the object id of the managed identity that an application trusts, by client id.
    """

    tenant_id: str
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    expired: set[str] = field(default_factory=set, repr=False)
    disabled: set[str] = field(default_factory=set)
    trusted: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error of Entra ID: HTTP status, OAuth error, AADSTS number and message."""

    status: int
    error: str
    number: int
    words: str


class EntraStandIn(ThreadingHTTPServer):
    """The token service.

    ``asked`` has the method and path of each request; ``failures`` are statuses that it answers first.
    ``identities`` are the managed identities of the function app: object ids by client id, "" for the
    system-assigned one.
    """

    daemon_threads = True

    def __init__(self, certificate: Certificate, directory: Directory) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.directory = directory
        self.asked: list[str] = []
        self.failures: list[int] = []
        self.token_delay_seconds = 0.0
        self.identities: dict[str, str] = {}
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        # The handshake is made in the request's own thread: a client that stalls delays no other.
        self.socket = certificate.server_context().wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )

    @property
    def url(self) -> str:
        """The base URL, for ``ENTRA_AUTHORITY``."""
        return f"https://127.0.0.1:{self.server_port}"

    @property
    def of_identities(self) -> dict[str, str]:
        """The environment variables by which a function app finds its identities."""
        return {"IDENTITY_ENDPOINT": f"{self.url}{_IDENTITY_PATH}", "IDENTITY_HEADER": "header"}

    @property
    def tokens_asked(self) -> int:
        """The number of requests for a token."""
        return sum(each.startswith("POST") for each in self.asked)

    def handle_error(self, *_: object) -> None:
        """Log no client that breaks off: some tests mean to."""


class _Handler(BaseHTTPRequestHandler):
    server: EntraStandIn
    protocol_version = "HTTP/1.1"
    # Without this, every answer waits for an acknowledgement of its headers: 40 ms.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer with the OpenID configuration of a tenant."""
        if urlsplit(self.path).path == _IDENTITY_PATH:
            self._answer_identity(parse_qs(urlsplit(self.path).query))
            return
        if self._failed():
            return
        path = urlsplit(self.path).path.strip("/").split("/")
        if path[-2:] != [".well-known", "openid-configuration"]:
            self._answer(404, {"error": "not_found"})
        elif refusal := self._unknown(path[0]):
            self._refuse(refusal)
        else:
            base = f"{self.server.url}/{path[0]}"
            self._answer(
                200,
                {
                    "issuer": f"{base}/v2.0",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                    "jwks_uri": f"{base}/discovery/v2.0/keys",
                },
            )

    def _answer_identity(self, query: dict[str, list[str]]) -> None:
        """Answer with a token of a managed identity of the function app."""
        self.server.asked.append(f"identity {query['resource'][0]}")
        who = self.server.identities.get(query.get("client_id", [""])[0])
        if who is None:
            words = "No User Assigned or Delegated Managed Identity found."
            self._answer(400, {"statusCode": 400, "message": words})
            return
        now = int(time.time())  # noqa: TID251  as below
        claims = {"aud": query["resource"][0], "sub": who, "iat": now, "exp": now + TOKEN_SECONDS}
        token = jwt.encode(claims, self.server.key, algorithm="RS256", headers={"kid": "stand-in"})
        expires = str(claims["exp"])
        self._answer(200, {"access_token": token, "expires_on": expires, "token_type": "Bearer"})

    def do_POST(self) -> None:
        """Answer with a token or an error."""
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())
        if self._failed():
            return
        time.sleep(self.server.token_delay_seconds)
        tenant, _, rest = urlsplit(self.path).path.strip("/").partition("/")
        if rest != "oauth2/v2.0/token":
            self._answer(404, {"error": "not_found"})
            return
        wanted = {name: values[0] for name, values in form.items()}
        if refusal := self._unknown(tenant) or self._wrong(wanted):
            self._refuse(refusal)
            return
        token = self._token(tenant, wanted["client_id"], wanted["scope"].removesuffix(_SCOPE_END))
        self._answer(200, {"token_type": "Bearer", "expires_in": TOKEN_SECONDS, "access_token": token})

    def _failed(self) -> bool:
        """Answer the next of ``failures``, if there is one, and return whether there was."""
        self.server.asked.append(f"{self.command} {self.path}")
        if not self.server.failures:
            return False
        status = self.server.failures.pop(0)
        self._answer(status, {"error": "temporarily_unavailable", "error_description": "Busy."})
        return True

    def _unknown(self, tenant: str) -> Refusal | None:
        if tenant.lower() == self.server.directory.tenant_id:
            return None
        words = f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
        return Refusal(400, "invalid_request", 90002, words)

    def _wrong(self, form: dict[str, str]) -> Refusal | None:
        directory = self.server.directory
        client = form.get("client_id", "")
        if client not in directory.secrets and client not in directory.trusted:
            words = f"Application with identifier '{client}' was not found in the directory 'Contoso'."
            return Refusal(400, "unauthorized_client", 700016, words)
        if client in directory.disabled:
            words = f"Application '{client}' is disabled."
            return Refusal(400, "unauthorized_client", 7000112, words)
        if not form.get("scope", "").endswith(_SCOPE_END):
            return Refusal(400, "invalid_scope", 1002012, "The provided value for scope is not valid.")
        if "client_assertion" in form:
            return self._untrusted(client, form["client_assertion"])
        return self._wrong_secret(client, form.get("client_secret", ""))

    def _wrong_secret(self, client: str, secret: str) -> Refusal | None:
        directory = self.server.directory
        if secret in directory.expired:
            words = f"The provided client secret keys for app '{client}' are expired."
            return Refusal(401, "invalid_client", 7000222, words)
        if secret != directory.secrets.get(client):
            words = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client"
                f" secret value, not the client secret ID, for a secret added to app '{client}'."
            )
            return Refusal(401, "invalid_client", 7000215, words)
        return None

    def _untrusted(self, client: str, assertion: str) -> Refusal | None:
        """Return the refusal of an identity's token that the application does not trust."""
        key = self.server.key.public_key()
        try:
            claims = jwt.decode(assertion, key, algorithms=["RS256"], audience=_EXCHANGE)
        except jwt.InvalidAudienceError:
            words = "No matching federated identity record found for presented assertion audience."
            return Refusal(401, "invalid_client", 700212, words)
        if claims["sub"] != self.server.directory.trusted.get(client):
            words = f"No matching federated identity record found for presented subject '{claims['sub']}'."
            return Refusal(401, "invalid_client", 700213, words)
        return None

    def _token(self, tenant: str, client: str, audience: str) -> str:
        now = int(time.time())  # noqa: TID251  Azurite compares the token's times with the real clock
        who = str(uuid.uuid5(uuid.NAMESPACE_URL, client))
        claims = {
            "aud": audience,
            "iss": f"{_ISSUER}/{tenant}/",
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_SECONDS,
            "appid": client,
            "oid": who,
            "sub": who,
            "tid": tenant,
            "ver": "1.0",
        }
        return jwt.encode(claims, self.server.key, algorithm="RS256", headers={"kid": "stand-in"})

    def _refuse(self, refusal: Refusal) -> None:
        trace, correlation = (uuid.UUID(int=number) for number in (1, 2))
        text = f"AADSTS{refusal.number}: {refusal.words} Trace ID: {trace} Correlation ID: {correlation}"
        self._answer(
            refusal.status,
            {
                "error": refusal.error,
                "error_description": text,
                "error_codes": [refusal.number],
                "trace_id": str(trace),
                "correlation_id": str(correlation),
            },
        )

    def _answer(self, status: int, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: ``asked`` has the request."""


@contextlib.contextmanager
def entra_running(certificate: Certificate, directory: Directory) -> Iterator[EntraStandIn]:
    """Run the token service in a thread of this process."""
    with EntraStandIn(certificate, directory) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
