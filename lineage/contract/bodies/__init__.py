"""Bodies: what a client sends of a version or a verdict, checked strictly before it is read.

The REST interface takes requests by them, and a capture that waited is held against them before it
is sent: a registry in a file has no server in front of it.
"""
