"""PostgreSQL, Valkey and all processes on one machine, started and kept running by `make run`."""
