"""A loopback server that gives objects as GCS's XML interface and Azure's Blob service do.

It is none of theirs: it speaks the two calls that reading takes (HEAD and GET with a range), with
real bytes on a real socket, and keeps what it was asked. That they check a signature it does not.
"""

from __future__ import annotations

import contextlib
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass
class Blobs:
    """What the server holds, by the whole path of each, and what it was asked."""

    endpoint: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """The target of each request, and its headers, their names in small letters."""
    status: int = 0
    """What every request is answered with; 0 where it is answered as it should be."""

    def put(self, place: str, name: str, data: bytes) -> None:
        """Put an object where DVC would, below a place."""
        self.objects[f"/{place}/files/md5/{name[:2]}/{name[2:]}"] = data


@contextlib.contextmanager
def blob_server() -> Iterator[Blobs]:
    blobs = Blobs()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            blobs.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            data = blobs.objects.get(unquote(urlsplit(self.path).path))
            if blobs.status or data is None:
                self._answer(blobs.status or 404, b"<Error><Code>said</Code></Error>")
                return
            wanted = RANGE.fullmatch(
                self.headers.get("range") or self.headers.get("x-ms-range", "")
            )
            if wanted is None:
                self._answer(200, data)
                return
            start, end = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
            if start >= len(data):
                self._answer(416, b"")
                return
            self._answer(206, data[start : end + 1], f"bytes {start}-{end}/{len(data)}")

        def do_HEAD(self) -> None:
            self.do_GET()

        def _answer(self, status: int, data: bytes, part: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Last-Modified", "Tue, 01 Sep 2026 10:00:00 GMT")
            self.send_header("ETag", '"1"')
            if part:
                self.send_header("Content-Range", part)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    blobs.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield blobs
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
