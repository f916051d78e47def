"""Watches: errors, health, access, and what an operator changes while the system runs."""
