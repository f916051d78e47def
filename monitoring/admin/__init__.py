"""Monitoring's pages in the admin, a module for each subject."""

from monitoring.admin import administration, breakers, errors, events, failed_tasks, webhooks

__all__ = ["administration", "breakers", "errors", "events", "failed_tasks", "webhooks"]
