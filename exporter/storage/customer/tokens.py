"""Tokens of Microsoft Entra ID: one credential for all threads of a destination, one request at a time."""

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
# A longer wait that Entra ID asks for is left to the next attempt, in seconds.
RETRY_AFTER_SECONDS_MAX = 5


class TokenSource(Protocol):
    """What azure-identity's credentials are to us."""

    def get_token_info(self, *scopes: str, options: "TokenRequestOptions | None" = None) -> AccessTokenInfo:
        """Return a token, from the cache if there is one."""
        ...


class SharedCredential:
    """A credential that several threads may use: those that come together wait for one request's outcome.

    It asks for tokens for storage, of its own tenant, and for no others: a server's challenge could name any.
    ``explain`` says what a failure means. What it returns is no error of the SDK's on purpose: the storage
    client would repeat the request, and a wrong secret does not get better by that.
    """

    def __init__(self, source: TokenSource, explain: Callable[[BaseException], ExportError]) -> None:
        self._source = source
        self._explain = explain
        self._turn = Lock()
        self._failures = 0
        self._failure: ExportError | None = None

    def get_token_info(
        self,
        *_scopes: str,
        options: "TokenRequestOptions | None" = None,  # noqa: ARG002  see the class
    ) -> AccessTokenInfo:
        """Return a token for storage; the SDK's clients call this."""
        failures = self._failures
        with self._turn:
            if self._failure is not None and self._failures != failures:
                # It failed while we waited: asking again at once would make as many requests as threads.
                raise self._failure
            try:
                return self._source.get_token_info(STORAGE_SCOPE)
            except Exception as error:  # noqa: BLE001  whatever the answers were that it could not read
                self._failures += 1
                self._failure = self._explain(error)
                # The SDK's error may repeat URLs; what matters of it has been read.
                raise self._failure from None

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:  # noqa: ANN401  as the SDK has it
        """Return a token for storage; by this method the SDK's clients know a credential."""
        info = self.get_token_info(*scopes)
        return AccessToken(info.token, info.expires_on)


class ShortWaits(policies.RetryPolicy[Any, Any]):
    """Tries again as usual, but never waits for long because the server says so."""

    def get_retry_after(self, response: Any) -> float | None:  # noqa: ANN401  as the SDK has it
        """Return how many seconds the server asks for, up to our own bound."""
        seconds = super().get_retry_after(response)
        return None if seconds is None else min(seconds, RETRY_AFTER_SECONDS_MAX)


def token_options(retry: RetryPolicy, transport: "HttpTransport[Any, Any]") -> dict[str, Any]:
    """Return what every credential of ours is made with; its calls are as patient as those to storage."""
    return {
        "transport": transport,
        "retry_total": retry.retries,
        "retry_connect": retry.connect_retries,
        "retry_read": retry.read_retries,
        "retry_status": retry.retries,
        "retry_backoff_factor": retry.first_wait_seconds / 2,
    }
