"""A registry behind a server: sends the registry's verbs over HTTP."""
