"""The checkup: what is set up by half, found side by side, each with what to do about it."""
