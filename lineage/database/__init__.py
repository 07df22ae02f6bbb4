"""The tables, the engines and the queries behind the registry."""
