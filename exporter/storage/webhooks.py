"""Calling a webhook: one request to a host that the operator has allowed."""

from collections.abc import Mapping

from exporter.domain.endpoints import AllowedHosts
from exporter.domain.errors import Transient

CONNECT_SECONDS, ANSWER_SECONDS = 5, 10


class Webhooks:
    """Makes calls; hosts are asked for once more, as the setting may have changed since."""

    def __init__(self, hosts: AllowedHosts) -> None:
        self._hosts = hosts

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send a request, and return the status of the answer; ``Transient`` if there is none.

        A redirect is an answer, and is not followed: it would lead to a host that nobody has allowed.
        """
        if wrong := self._hosts.objection(url):
            raise Transient(f"the webhook {wrong}")
        import requests  # noqa: PLC0415  only a process that calls webhooks pays for it

        try:
            answer = requests.post(
                url,
                data=body,
                headers=dict(headers),
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                allow_redirects=False,
                # What it says does not matter, however long that is.
                stream=True,
            )
        except requests.RequestException as error:
            raise Transient(f"the webhook cannot be reached: {type(error).__name__}") from error
        answer.close()
        return int(answer.status_code)
