"""Visitors of the pages: open them, read them and send their forms, as a browser without scripts does."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

VOID = {"meta", "link", "input", "br", "wbr", "img", "hr", "col"}


@dataclass
class Form:
    """A form of a page: where it goes and what it holds."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class Read(HTMLParser):
    """What stands in a page: its text, its links, its forms, all its tags."""

    def __init__(self, html: str, path: str = "/") -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []
        self.forms: list[Form] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self._path = path
        self.feed(html)
        assert self.open == [], "every tag is closed"

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def form(self, action: str = "") -> Form:
        return next(form for form in self.forms if action in form.action)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        assert len(said) == len(attrs), f"an attribute of {tag} stands twice"
        self.tags.append((tag, said))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "a":
            self.links.append(said["href"] or "")
        elif tag == "form":
            self.forms.append(Form(said.get("action") or self._path, said.get("method") or "get"))
        elif tag in ("input", "select", "textarea") and self.forms and said.get("name"):
            self.forms[-1].fields[str(said["name"])] = said.get("value") or ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        last = self.open.pop() if self.open else None
        assert last == tag, f"</{tag}> closes another tag"

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.texts.append(data)


class Visitor:
    """One who opens the pages of a server."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.client = httpx.Client(base_url=address, timeout=30, headers={"Accept": "text/html"})

    def get(self, path: str, status: int = 200, **headers: str) -> Read:
        """A page as it is read."""
        answer = self.client.get(path, headers=headers)
        assert answer.status_code == status, (answer.status_code, answer.text)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        return Read(answer.text, path)

    def send(self, form: Form, headers: dict[str, str] | None = None, **fields: str) -> Any:
        """What a form is answered with; what follows is for the caller."""
        own = {"Origin": self.address, "Sec-Fetch-Site": "same-origin"}
        sent = {**form.fields, **fields}
        return self.client.post(form.action, data=sent, headers=own | (headers or {}))

    def sign_in(self, token: str, after: str = "/") -> Any:
        """Sign in on the page that is for it."""
        page = self.get(f"/sign-in?next={after}")
        return self.send(page.form(), token=token)


@contextmanager
def visiting(address: str, token: str | None = None) -> Iterator[Visitor]:
    """A visitor of a server, who signs in with a token where there is one."""
    visitor = Visitor(address)
    try:
        if token is not None:
            assert visitor.sign_in(token).status_code == 303
        yield visitor
    finally:
        visitor.client.close()


def local(location: str) -> str:
    """Where an answer leads to, without the server."""
    parts = urlsplit(location)
    return parts.path + (f"?{parts.query}" if parts.query else "")
