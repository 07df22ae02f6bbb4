"""`make pictures`: the demo is played, recorded, and what it leaves behind is looked at.

    python -m documentation.pictures

It writes `docs/img/demo.svg` and `docs/img/pages/`, with Chromium (`apt-get install chromium`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from . import pages, recording

IMAGES = Path(__file__).parents[1] / "docs/img"
SHOWN = "/tmp/flight-delays"
"""What stands in the recording for a folder of a random name."""


def main() -> None:
    """Make every picture anew."""
    lineage = Path(sys.executable).with_name("lineage")
    with tempfile.TemporaryDirectory(prefix="pictures-") as place:
        folder = Path(place) / "flight-delays"
        clean = {key: value for key, value in os.environ.items() if not key.startswith("LINEAGE_")}
        played = subprocess.run(
            [lineage, "demo", folder],
            env=clean, stdout=subprocess.PIPE, encoding="utf-8", check=True,
        )  # fmt: skip
        printed = played.stdout.replace(str(folder), SHOWN)
        (IMAGES / "demo.svg").write_text(recording.drawn(printed), encoding="utf-8")
        with pages.served(lineage, folder, clean) as address:
            for written in pages.pictured(address, IMAGES / "pages"):
                print(f"{written.stat().st_size:>7,}  {written}")


if __name__ == "__main__":
    main()
