"""Counting rows in the engine in which they live, by Ibis: the counts leave it, and no row."""
