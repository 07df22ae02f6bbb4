"""The graph of contents, asked: what made a version, what something reaches, what leaked."""
