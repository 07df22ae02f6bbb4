"""The registry's service: a method a verb, a transaction each."""
