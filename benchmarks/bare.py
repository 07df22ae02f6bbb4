"""The least that a FastAPI server can do: a constant answer."""

from __future__ import annotations

from fastapi import FastAPI

app = FastAPI()


@app.get("/bare")
async def bare() -> dict[str, str]:
    """A constant."""
    return {"status": "ok"}
