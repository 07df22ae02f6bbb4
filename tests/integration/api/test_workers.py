"""Several processes of one server: what is done beside answering is done by one of them."""

from __future__ import annotations

import threading
import time

from tests.conftest import make_registry
from tests.integration.api.test_service import _fill
from tests.support.servers import registry_server


def _running():
    return sum(thread.name == "lineage-checkpoints" for thread in threading.enumerate())


def test_one_process_puts_checkpoints_out_and_another_goes_on(database, tmp_path):
    make_registry(database, _fill)
    put = tmp_path / "checkpoints"
    settings = {
        "no_auth": True,
        "checkpoint_to": str(put),
        "beside_lock": tmp_path / "lock",
    }
    with registry_server(database, **settings):
        assert _running() == 1
        with registry_server(database, **settings):
            time.sleep(1.2)
            assert _running() == 1
    assert _running() == 0
    first = registry_server(database, **settings)
    first.__enter__()
    with registry_server(database, **settings):
        first.__exit__(None, None, None)
        end = time.monotonic() + 10
        while _running() != 1:
            assert time.monotonic() < end, "nobody goes on"
            time.sleep(0.05)
    assert (put / "latest").exists()
