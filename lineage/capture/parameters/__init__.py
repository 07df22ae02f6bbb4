"""Parameter files: YAML, JSON, TOML and Python, read once each and without losing types or order.

A file is parsed into a :class:`~lineage.capture.parameters.document.Document`; a stage's parameters
are looked up in it by the names that DVC gives them and written in the encoding of
:mod:`lineage.identity.parameters`. :class:`~lineage.capture.parameters.files.ParameterFiles` is the
door.
"""
