"""What a Python source says of other code: parsed, never run."""
