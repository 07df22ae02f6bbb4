"""The registry over HTTP: parse, call one registry method, answer. No rules of its own."""
