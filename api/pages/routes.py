"""The routers of the pages, in the order in which they are looked through."""

from __future__ import annotations

from typing import Final

from . import environments, sign_in

PAGES: Final = (sign_in.router, environments.router)
