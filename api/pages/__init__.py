"""Pages for people: what serves, what made it and why it may, rendered on the server."""
