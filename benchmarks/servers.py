"""The servers of a benchmark run: PostgreSQL and Valkey with production settings, and a feed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from vatsim_site.embedded.servers import RunningServer, start_postgres, start_valkey


@contextmanager
def running() -> Iterator[dict[str, RunningServer]]:
    """Start both servers, point the settings at them, and stop them afterwards."""
    with tempfile.TemporaryDirectory(prefix="vatsim-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        servers = {
            "postgres": start_postgres(folder, settings={}),
            "valkey": start_valkey(folder, durable=True),
        }
        os.environ |= {
            "DATABASE_URL": servers["postgres"].url,
            "REDIS_URL": servers["valkey"].url,
            "VAR_DIR": str(folder / "var"),
            "SECRET_KEY": "only for a benchmark, which has no visitors at all",
            "PSEUDONYM_KEY": "only for a benchmark",
            "FEED": "simulated",
            "FEED_MAX_MB": "1024",
            "FEED_MAX_COMPRESSED_MB": "1024",
            "VATSIM_API_TIMEOUT": "10",
            "LOG_LEVEL": "ERROR",
        }
        try:
            yield servers
        finally:
            for server in servers.values():
                server.stop()


@contextmanager
def simulated_feed(aircraft: int, clock: "Synchronized[float]") -> Iterator[str]:
    """Serve a simulated network of the time on `clock` (epoch s) out of another process."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(aircraft, clock, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(aircraft: int, clock: "Synchronized[float]", pipe: Any) -> None:
    from collector.simulation.network import Network
    from collector.simulation.server import FeedServer

    def now() -> datetime:
        return datetime.fromtimestamp(clock.value, UTC)

    server = FeedServer(Network(aircraft=aircraft), now=now)
    pipe.send(server.address)
    server.serve_forever()
