"""`python -m lineage.cli` is `lineage`."""

from . import main

main()
