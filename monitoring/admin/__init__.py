"""Monitoring's pages in the admin, a module for each subject."""

from monitoring.admin import administration, breakers

__all__ = ["administration", "breakers"]
