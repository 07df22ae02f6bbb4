"""Why two things differ, in a person's words."""
