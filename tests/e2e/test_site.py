"""The documentation as it is built: every link leads somewhere, nothing is loaded from elsewhere."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
import threading
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from ..support.browser import NARROW, WIDE, chromium, looking
from ..support.once import made_once

ROOT = Path(__file__).parents[2]
LOADED = {"img": "src", "script": "src", "link": "href", "source": "srcset", "iframe": "src"}
LOOKED_AT = ("/", "/guides/first-hour/", "/guides/pages/", "/reference/python/")
ENOUGH = 20
"""Documented things of a page that are looked at: axe takes sixteen seconds for all."""
FEWER = """enough => [".doc-object", ".md-nav--secondary .md-nav__item"].forEach(
  each => document.querySelectorAll(each).forEach(
    (one, place) => place < enough || one.remove()))"""


@pytest.fixture(scope="module")
def site(shared_folder):
    return made_once(shared_folder, "site", _build)


def _build(built):
    done = subprocess.run(
        [Path(sys.executable).with_name("mkdocs"), "build", "--strict", "--quiet", "-d", built],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


class Read(HTMLParser):
    """The anchors of a page, where it leads, and what it loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.leads: set[str] = set()
        self.loads: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        self.anchors |= {said[name] for name in ("id", "name") if said.get(name)}
        if tag == "a" and said.get("href"):
            self.leads.add(said["href"])
        elif said.get(LOADED.get(tag, "")) and said.get("rel") != "canonical":
            self.loads.add(said[LOADED[tag]])

    handle_startendtag = handle_starttag


def test_every_link_of_every_page_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site):
    pages = {f"/{page.relative_to(site).as_posix()}": page for page in site.rglob("*.html")}
    read = {path: Read(page.read_text(encoding="utf-8")) for path, page in pages.items()}
    wrong = []
    for path, page in read.items():
        wrong += [f"{path} loads {one}" for one in page.loads if "//" in one]
        for target in page.leads | page.loads:
            if re.match(r"(https?|mailto|javascript|data):", target) or path == "/404.html":
                continue
            to = urlsplit(urljoin(path, target))
            file = unquote(to.path) + ("index.html" if to.path.endswith("/") else "")
            if not (site / file.removeprefix("/")).is_file():
                wrong.append(f"{path} leads to {target}")
            elif file in read and unquote(to.fragment) not in read[file].anchors | {""}:
                wrong.append(f"{path} leads to {target}, which has no such anchor")
    assert wrong == []
    styles = [*site.rglob("*.css")]
    assert [s for s in styles if re.search(r"url\(['\"]?(https?:)?//", s.read_text("utf-8"))] == []


@pytest.fixture(scope="module")
def address(site):
    handler = functools.partial(Quiet, directory=site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_pages_are_well_for_everybody(address):
    with chromium() as browser:
        for look in (
            {"viewport": WIDE, "color_scheme": "light"},
            {"viewport": NARROW, "color_scheme": "dark"},
        ):
            with looking(browser, address, **look) as visitor:
                for path in LOOKED_AT:
                    visitor.page.goto(path)
                    visitor.page.get_by_role("dialog", name="Search").wait_for(state="attached")
                    if visitor.page.locator("pre").count():
                        visitor.page.get_by_role("navigation", name="Code 1", exact=True).wait_for()
                    visitor.page.evaluate(FEWER, ENOUGH)
                    visitor.is_well()
