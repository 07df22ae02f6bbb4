"""A hub of models on loopback: it speaks as much of the hub's API as a download needs."""

from __future__ import annotations

import http.server
import json
import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives.hashes import SHA1, SHA256, Hash
from xxhash import xxh3_128_hexdigest

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMITS = {"v1": "1" * 40, "v2": "2" * 40}
REPO = "acme/tiny"
TOKEN = "hf_of_a_test"
FILES = {
    "config.json": b'{"hidden_size": 2}\n',
    "model.safetensors": b"\x10" * 3000,
    "onnx/model.onnx": b"\x20" * 500,
    ".gitattributes": b"*.safetensors filter=lfs\n",
}
_INFO = re.compile(r"/api/models/([^/]+/[^/]+)/revision/(.+)")
_TREE = re.compile(r"/api/models/([^/]+/[^/]+)/tree/([0-9a-f]{40})")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([0-9a-f]{40})/(.+)")


class Hub:
    """What a test says is there: each revision's files, and names that are only announced."""

    def __init__(self) -> None:
        self.files = {
            COMMITS["v1"]: dict(FILES),
            COMMITS["v2"]: FILES | {"model.safetensors": b"\x11" * 3000},
        }
        self.revisions = COMMITS | {"main": COMMITS["v2"]}
        self.announced: list[str] = []
        self.private: set[str] = set()
        self.is_down = False
        self.said: Any = self
        """What is answered to who asks for a revision, instead of what it is."""
        self.asked: list[str] = []
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._answer(with_body=False)

            def do_GET(self) -> None:
                self._answer(with_body=True)

            def _answer(self, *, with_body: bool) -> None:
                path = unquote(urlsplit(self.path).path)
                hub.asked.append(path)
                status, headers, body = hub.answer(path, self.headers.get("Authorization"))
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                if with_body:
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, path: str, token: str | None) -> tuple[int, dict[str, str], bytes]:
        """The status, the headers and the body of what is asked for."""
        if self.is_down:
            return 503, {}, b"down"
        info, tree, file = (one.fullmatch(path) for one in (_INFO, _TREE, _FILE))
        asked = info or tree or file
        repo = asked[1] if asked else None
        if repo != REPO or (repo in self.private and token != f"Bearer {TOKEN}"):
            return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"
        if info and self.said is not self:
            return _json(self.said)
        if info:
            commit = self.revisions.get(info[2], info[2])
            if commit not in self.files:
                return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
            held = self.files[commit] | dict.fromkeys(self.announced, b"")
            return _json(
                {"id": REPO, "modelId": REPO, "sha": commit, "private": False, "tags": [],
                 "siblings": [_sibling(name, data) for name, data in held.items()]}
            )  # fmt: skip
        if tree:
            held = self.files.get(tree[2], {}) | dict.fromkeys(self.announced, b"")
            return _json(
                [{"type": "file", "path": name, "size": len(data), "oid": xxh3_128_hexdigest(data)}
                 for name, data in held.items()]
            )  # fmt: skip
        assert file is not None
        data = self.files.get(file[2], {}).get(file[3])
        if data is None:
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": file[2]}, b""
        etag = xxh3_128_hexdigest(data)
        return 200, {"ETag": f'"{etag}"', "X-Repo-Commit": file[2]}, data

    def environment(self, home: str) -> dict[str, str]:
        """The variables by which a person uses this hub, with a cache of their own."""
        return {"HF_ENDPOINT": self.endpoint, "HF_HOME": home, "HF_HUB_DISABLE_XET": "1"}


def _sibling(name: str, data: bytes) -> dict[str, Any]:
    """A file as the hub names it: by git's SHA-1, or by SHA-256 where it is in its own storage."""
    found: dict[str, Any] = {"rfilename": name, "size": len(data)}
    blob = Hash(SHA1())
    blob.update(b"blob %d\0" % len(data) + data)
    found["blobId"] = blob.finalize().hex()
    if name.endswith(".safetensors"):
        whole = Hash(SHA256())
        whole.update(data)
        found["lfs"] = {"sha256": whole.finalize().hex(), "size": len(data), "pointerSize": 130}
    return found


def _json(body: Any) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


@contextmanager
def running_hub() -> Iterator[Hub]:
    """A hub for a while."""
    hub = Hub()
    try:
        yield hub
    finally:
        hub.server.shutdown()
        hub.server.server_close()
