"""Tests: `unit` without a database, `integration` on real servers, `faults` on real processes."""
