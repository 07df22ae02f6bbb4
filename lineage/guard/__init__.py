"""The guard: facts in, a decision out. Pure; every rule is a function."""
