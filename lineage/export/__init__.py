"""A version in the formats of other programs: OpenLineage, CycloneDX, PROV, a model card."""
