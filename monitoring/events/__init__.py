"""The event bus: signals that are stored with their fact and delivered afterwards."""
