"""What files say: lineage.toml, pyproject.toml, the policies of environments."""
