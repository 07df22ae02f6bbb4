"""What is asked and answered, and its JSON: one surface over a database and over HTTP."""
