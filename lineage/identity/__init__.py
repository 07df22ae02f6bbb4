"""What names things: digests, the four components, pipeline manifests, references. Pure values."""
