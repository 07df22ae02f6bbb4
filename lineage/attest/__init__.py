"""Signed statements on a version that others verify: in-toto, DSSE, OpenSSF model signatures."""
