"""The whole application, for `make docs`: `python -m typer lineage.cli.docs utils docs`."""

from .app import build

app = build()
