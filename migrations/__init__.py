"""Alembic migrations of the registry's database; `lineage db upgrade` runs them."""
