"""The registry's verbs over HTTP."""
