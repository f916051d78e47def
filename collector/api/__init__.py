"""The HTTP API of what is collected."""
