"""A loopback server over https that gives one answer to everything."""

import ssl
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
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that break off."""


@contextmanager
def answering_over_tls(certificate: Certificate, answer: Answer, *, body: bytes) -> Iterator[str]:
    """Run a server, and return its address."""
    with _TlsServer(certificate, answer, body) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
