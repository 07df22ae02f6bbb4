"""A real browser: Debian's Chromium, driven by Playwright; what it meets is noted."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
LACKING = "no Chromium is installed: apt-get install chromium"

WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 360, "height": 740}

_AXE = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => one.id + ": " + one.nodes.map((node) => node.html).join(" | "));
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; the test is skipped where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(LACKING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


class Looking:
    """Somebody who looks at the pages of a server; nothing that they met may be wrong."""

    def __init__(self, browser: Browser, address: str, **how: Any) -> None:
        self.address = address
        self.context = browser.new_context(base_url=address, **how)
        self.context.set_default_timeout(20_000)
        self.page: Page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("request", self._asked)

    def sign_in(self, token: str, path: str = "/") -> None:
        """Sign in on the way to a page."""
        self.page.goto(path)
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"{self.address}{path}")

    def is_well(self) -> None:
        """Refuse what was met: errors, requests elsewhere, what axe calls serious, a page too wide."""
        assert self.wrong == [], self.page.url
        script = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
        self.page.evaluate(script)
        assert self.page.evaluate(_AXE) == [], self.page.url
        wide = self.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide[0] <= wide[1], f"{self.page.url} is wider than the window"

    def close(self) -> None:
        """Go away."""
        self.context.close()

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"{message.type}: {message.text}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((f"{self.address}/", "data:")):
            self.wrong.append(f"asked elsewhere: {request.url}")


@contextmanager
def looking(browser: Browser, address: str, **how: Any) -> Iterator[Looking]:
    """Somebody who looks at the pages of a server."""
    somebody = Looking(browser, address, **how)
    try:
        yield somebody
    finally:
        somebody.close()
