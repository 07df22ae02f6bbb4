"""Webhooks: who is told of what, the messages, their outbox, and their way to a receiver."""
