"""What serves and what stands by: the moves of slots and deployments."""
