"""The documentation's pictures: a recording of the demo, and the pages that show what it leaves."""
