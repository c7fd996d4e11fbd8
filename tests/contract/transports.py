"""Connections with a memory, or with a flaw. The SDK above them and the server below are the real ones."""

from collections.abc import Callable
from typing import Any

from azure.core.exceptions import ServiceResponseError
from azure.core.pipeline.transport import RequestsTransport


class CountsCalls(RequestsTransport):  # type: ignore[misc]  # the SDK hides its type
    """Remembers every request that reaches the server: its method and its URL."""

    def __init__(self) -> None:
        super().__init__(connection_timeout=2, read_timeout=10)
        self.made: list[tuple[str, str]] = []

    def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401  as the SDK has it
        """Send a request."""
        self.made.append((request.method, request.url))
        return super().send(request, **options)


class LosesAnswers(CountsCalls):
    """Loses answers that a test is after, once the server has done what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self._after: Callable[[str, str], bool] = lambda _method, _url: False
        self._times = 0
        self.lost = 0

    def lose(self, after: Callable[[str, str], bool], times: int = 1) -> None:
        """Lose the next answers to requests of which ``after(method, url)`` is true; ``lost`` counts them."""
        self._after, self._times, self.lost = after, times, 0

    def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401  as the SDK has it
        """Send a request, and maybe lose the answer."""
        answer = super().send(request, **options)
        if self.lost == self._times or not self._after(request.method, request.url):
            return answer
        self.lost += 1
        answer.internal_response.close() if hasattr(answer, "internal_response") else answer.close()
        raise ServiceResponseError("Connection aborted.")
