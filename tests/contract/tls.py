"""A loopback server over https that gives the same answer to every request."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from infra.local.certificates import Certificate
from tests.contract.servers import Answer, Server


class _TlsServer(Server):
    """Answers over https."""

    def __init__(self, certificate: Certificate, answer: Answer, body: bytes) -> None:
        super().__init__(answer)
        self.body = body
        self.socket = certificate.server_context().wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )

    def handle_error(self, *_: object) -> None:
        """Log no client that breaks off: some tests mean to."""


@contextmanager
def answering_over_tls(certificate: Certificate, answer: Answer, *, body: bytes) -> Iterator[str]:
    """Run a server and yield its address."""
    with _TlsServer(certificate, answer, body) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
