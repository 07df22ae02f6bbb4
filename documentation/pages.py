"""Pictures of the server's pages, by Chromium, from what the demo leaves behind."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import httpx
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from playwright.sync_api import Browser

MODEL: Final = "flight-delays"
SLOT: Final = f"/environments/production/models/{MODEL}"
PAGES: Final = {
    "environments": "/",
    "slot": SLOT,
    "drift": f"{SLOT}/drift",
    "plan": f"{SLOT}/rollback",
    "models": "/models",
    "model": f"/models/{MODEL}",
    "version": f"/models/{MODEL}/versions/2",
    "graph": f"/models/{MODEL}/versions/1/graph?all=1",
    "pipeline": f"/pipelines/{MODEL}",
    "guard": f"/guard?version={MODEL}@1&environment=production",
    "history": "/history",
    "search": "/search?q=data/departures.csv",
}
DARK: Final = ("environments", "guard", "graph")
"""What is pictured in the dark, too."""
WIDTH: Final = 1200
HIGHEST: Final = 1000
TALL: Final = {"drift.webp": (1210, 60)}
"""The pictures that are to be higher: their height, and a quality that keeps them small."""
QUALITY: Final = 80


def files() -> dict[str, tuple[str, bool]]:
    """By the name of each picture's file, the page that it shows, and whether in the dark."""
    light = {f"{name}.webp": (path, False) for name, path in PAGES.items()}
    return light | {f"{name}-dark.webp": (PAGES[name], True) for name in DARK}


@contextmanager
def served(lineage: Path, folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """A server of a project's registry, for this machine alone; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [lineage, "serve", "--no-auth", "--port", str(port)],
        cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for(address)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(address: str) -> None:
    for _ in range(600):
        try:
            if httpx.get(f"{address}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError(address)


def pictured(address: str, folder: Path) -> Iterator[Path]:
    """Make the picture of each page; where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, (path, dark) in files().items():
            yield taken(browser, f"{address}{path}", folder / name, dark=dark)
        browser.close()


def taken(browser: Browser, url: str, to: Path, *, dark: bool) -> Path:
    """One page as it is seen, from its top; WebP, which a browser writes itself."""
    page = browser.new_page(
        viewport={"width": WIDTH, "height": 700},
        color_scheme="dark" if dark else "light",
        timezone_id="UTC",
        locale="en-GB",
        reduced_motion="reduce",
    )
    answer = page.goto(url, wait_until="load")
    if answer is None or answer.status != 200:
        raise RuntimeError(f"{url}: {answer and answer.status}")
    page.evaluate("document.querySelector('main svg')?.parentElement.scrollTo(9999, 0)")
    height = page.evaluate("document.querySelector('main').getBoundingClientRect().bottom") + 16
    highest, quality = TALL.get(to.name, (HIGHEST, QUALITY))
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": min(height, highest), "scale": 1}
    session = page.context.new_cdp_session(page)
    taken = session.send(
        "Page.captureScreenshot",
        {"format": "webp", "quality": quality, "clip": clip, "captureBeyondViewport": True},
    )
    to.write_bytes(base64.b64decode(taken["data"]))
    page.close()
    return to
