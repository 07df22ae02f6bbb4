"""Weights in and out of DVC remotes: every byte is read back and compared."""
