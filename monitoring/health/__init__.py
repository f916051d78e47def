"""Whether this process can serve: `/health/` for readiness, `/health/live` for liveness."""
