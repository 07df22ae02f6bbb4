"""What a person does in a checkout: the project and the registry together."""
