"""From bytes to digests: files, folders, and a cache that spares reading what did not change."""
