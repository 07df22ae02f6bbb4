"""Receivers of webhooks: real servers on loopback that keep what they are sent."""

from __future__ import annotations

import http.server
import queue
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

PATIENCE = 20
"""Seconds that something is waited for."""


class Receiver:
    """What listens for messages; it answers what the test says, by the path."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.got: queue.Queue[tuple[str, dict[str, str], bytes]] = queue.Queue()
        self.answers = {
            "/moved": (302, b""),
            "/down": (500, b"out of \x1b[31morder " + b"x" * 5000),
        }
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.put((self.path, dict(self.headers.items()), body))
                status, text = receiver.answers.get(self.path, (204, b""))
                if self.path == "/hangs":
                    receiver.released.wait(PATIENCE)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                pass

        self.released = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def next(self) -> tuple[str, dict[str, str], bytes]:
        """The path, the headers and the body of the next message."""
        return self.got.get(timeout=PATIENCE)


@contextmanager
def receiving(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver(context)
    yield receiver
    receiver.released.set()
    receiver.server.shutdown()
    receiver.server.server_close()
