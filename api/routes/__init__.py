"""The routes, a module for each noun: parse, call one registry method, answer."""
