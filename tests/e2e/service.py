"""A serving process as a team would write it: ``service.py MODEL``."""

import json
import sys
import time

from blake3 import blake3

import lineage

with lineage.follow(sys.argv[1], load=lambda path: path.read_bytes(), every=0.3) as served:
    while True:
        now = served.loaded
        line = {"ref": now.ref, "path": str(now.path), "blake3": blake3(now.value).hexdigest()}
        print(json.dumps(line), flush=True)
        time.sleep(0.2)
