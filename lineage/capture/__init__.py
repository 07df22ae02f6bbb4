"""Reading the four components from a git and DVC repository, without running anything of it."""
