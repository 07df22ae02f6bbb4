"""The registry over HTTP: parse, call one service method, answer. No rules of its own."""
