"""A serving host's part: fetch, prove, load, report, follow."""
