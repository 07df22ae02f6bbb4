"""What a command names: read as a shell would split it, never run."""
