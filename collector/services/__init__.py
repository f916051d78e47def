"""What the collector does: one module a verb, one transaction a call."""
