"""Collects the network: from the feed to flights, controllers and positions in PostgreSQL."""
