"""The commands, one module a group: parse, call one workflow, render."""
