"""A serving host in `lineage demo`: an image with the sealed files, and a process that follows."""

from __future__ import annotations

import json
import shutil
import subprocess  # nosec B404 # words without a shell
import sys
import time
from typing import TYPE_CHECKING, Final

from lineage.errors import LineageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

IMAGE: Final = ("src", "params.yaml", "requirements.txt", "serve.py", "pipeline.seal.json")
"""What a host has: neither git nor DVC, nor any data."""

LONGEST_WAIT: Final = 60.0


class DemoHost:
    """A process that follows what goes with its pipeline.

    Args:
        name: what it is called.
        source: the repository, sealed, that its image is made of.
        image: the folder of the image.
        pipeline: the digest of the pipeline version that was sealed.
        environment: the process's.
    """

    def __init__(
        self, name: str, source: Path, image: Path, pipeline: str, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.pipeline = pipeline
        image.mkdir(parents=True)
        for part in IMAGE:
            if (source / part).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source / part, image / part, ignore=ignored)
            else:
                shutil.copyfile(source / part, image / part)
        self._said, self._log = image / "served.jsonl", image / "log"
        with self._said.open("wb") as said, self._log.open("wb") as log:
            self._process = subprocess.Popen(  # nosec B603 # words without a shell
                [sys.executable, "serve.py"],
                cwd=image,
                env={
                    **environment,
                    "LINEAGE_REGISTRY": f"sqlite:///{source / '.lineage/registry.db'}",
                    "LINEAGE_INSTANCE": name,
                    "XDG_CACHE_HOME": str(image / "cache"),
                },
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=log,
            )

    def served(self) -> list[dict[str, str]]:
        """What it has loaded, in order: the version, and the BLAKE3 of the bytes."""
        lines = self._said.read_bytes().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith(b"\n")]

    def wait_for(self, ref: str) -> None:
        """Wait until it serves a version.

        Raises:
            LineageError: it ended, or does not come to it.
        """
        end = time.monotonic() + LONGEST_WAIT
        while not (served := self.served()) or served[-1]["ref"] != ref:
            if self._process.poll() is not None or time.monotonic() > end:
                raise LineageError(
                    f"The host {self.name} does not serve {ref}.",
                    remedy=f"Its log is {self._log}.",
                )
            time.sleep(0.05)

    @property
    def runs(self) -> bool:
        """Whether it has never ended."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def mismatched(host: DemoHost, trained: Mapping[str, tuple[str, str]]) -> list[str]:
    """What a host served that was not trained, or on another pipeline version.

    Args:
        host: the host.
        trained: the BLAKE3 of the weights of each version and its pipeline version, as trained.
    """
    return [
        f"{host.name} served {line['ref']} on {host.pipeline}"
        for line in host.served()
        if trained.get(line["ref"]) != (line["weights"], host.pipeline)
    ]
