"""Monitoring's pages in the admin, a module for each subject."""

from monitoring.admin import administration, breakers, events, webhooks

__all__ = ["administration", "breakers", "events", "webhooks"]
