"""Errors: how they are told apart, kept, counted and survived."""
