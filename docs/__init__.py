"""What `lineage explain` shows of the documentation: the problems and the rules, by their codes."""
