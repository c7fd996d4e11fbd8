"""Tokens of Microsoft Entra ID: threads share a credential, which sends one request at a time."""

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.pipeline import policies

from exporter.domain.errors import ExportError
from exporter.storage.clients import RetryPolicy

if TYPE_CHECKING:
    from azure.core.credentials import TokenRequestOptions
    from azure.core.pipeline.transport import HttpTransport

STORAGE_SCOPE = "https://storage.azure.com/.default"
# Longest wait, in seconds, that a Retry-After of Entra ID may cause; the next attempt covers longer ones.
RETRY_AFTER_SECONDS_MAX = 5


class TokenSource(Protocol):
    """The part of azure-identity's credentials that is used here."""

    def get_token_info(self, *scopes: str, options: "TokenRequestOptions | None" = None) -> AccessTokenInfo:
        """Return a token, from the cache if it has a valid one."""
        ...


class SharedCredential:
    """A thread-safe credential: concurrent callers share the outcome of one token request.

    It requests tokens for storage in its own tenant only: a server's challenge could name any scope.
    ``diagnose`` translates a failure into one of our errors. An SDK error would make the storage client
    repeat the request, which is useless for a wrong secret.
    """

    def __init__(self, source: TokenSource, diagnose: Callable[[BaseException], ExportError]) -> None:
        self._source = source
        self._diagnose = diagnose
        self._turn = Lock()
        self._failures = 0
        self._failure: ExportError | None = None

    def get_token_info(
        self,
        *_scopes: str,
        options: "TokenRequestOptions | None" = None,  # noqa: ARG002  see the class
    ) -> AccessTokenInfo:
        """Return a token for storage; called by the SDK's clients."""
        failures = self._failures
        with self._turn:
            if self._failure is not None and self._failures != failures:
                # The request of another thread failed during the wait: do not send one a thread.
                raise self._failure
            try:
                return self._source.get_token_info(STORAGE_SCOPE)
            except Exception as error:  # noqa: BLE001  the SDK raises errors of any type for answers that it cannot parse
                self._failures += 1
                self._failure = self._diagnose(error)
                # No cause: the SDK's error may contain URLs, and ``diagnose`` has read the rest.
                raise self._failure from None

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:  # noqa: ANN401  the SDK's signature
        """Return a token for storage; the SDK's clients recognise a credential by this method."""
        info = self.get_token_info(*scopes)
        return AccessToken(info.token, info.expires_on)


class ShortWaits(policies.RetryPolicy[Any, Any]):
    """The SDK's retry policy with an upper bound on the wait that the server asks for."""

    def get_retry_after(self, response: Any) -> float | None:  # noqa: ANN401  the SDK's signature
        """Return the wait in seconds that the server asks for, at most our bound."""
        seconds = super().get_retry_after(response)
        return None if seconds is None else min(seconds, RETRY_AFTER_SECONDS_MAX)


def token_options(retry: RetryPolicy, transport: "HttpTransport[Any, Any]") -> dict[str, Any]:
    """Return the arguments for credentials; they retry as calls to storage do."""
    return {
        "transport": transport,
        "retry_total": retry.retries,
        "retry_connect": retry.connect_retries,
        "retry_read": retry.read_retries,
        "retry_status": retry.retries,
        "retry_backoff_factor": retry.first_wait_seconds / 2,
    }
