"""How the pages write what depends on a language: dates and times by ISO 8601."""
