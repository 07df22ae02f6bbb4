"""Runnable examples; `lineage demo` plays the first."""
