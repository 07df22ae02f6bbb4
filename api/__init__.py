"""The REST interface of the registry; its routes come with the server."""
