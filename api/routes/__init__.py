"""The addresses, a module for each noun."""
