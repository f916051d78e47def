"""What a poll and flush cost, by stage, with their bytes on disk.

Simulated feeds go through the real services; the feed is served by another process, whose CPU is
not counted. PostgreSQL's and Valkey's is.
"""

import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import Any

from django.conf import settings
from django.db import connection

from benchmarks import yardsticks
from benchmarks.meter import Stages, cpu_of_tree, report, wal_bytes
from benchmarks.servers import simulated_feed
from collector import feed, identity, sessions, tunings
from collector.buffer import FeedBuffer
from collector.positions import COLD, HOT
from collector.services import compacting, flushing, polling, recording, sources, writing
from vatsim_site.embedded.servers import RunningServer

START = datetime(2026, 1, 5, 11, 59, 15, tzinfo=UTC).timestamp()
STEP_S = 15
WARM_UP = 4  # the first feed opens every flight, the last one begins the measured window
WINDOW_FEEDS = 60


def run(aircraft: int, servers: dict[str, RunningServer]) -> None:
    """Run a whole window of cycles, compact it, and report a line."""
    clock = get_context("spawn").Value("d", START)
    with simulated_feed(aircraft, clock) as address:
        settings.VATSIM_API_URL = f"{address}/v3/vatsim-data.json"
        settings.VATSIM_TRANSCEIVERS_URL = f"{address}/v3/transceivers-data.json"
        for _ in range(WARM_UP):
            _cycle(clock)
        compacting.compact()
        figures = _measure(clock, servers)
        body = feed.fetch(sources.addresses(), sources.limits()).data.content
    plain = yardsticks.measure(body, aircraft, servers["postgres"])
    report(bench="cycle", aircraft=aircraft, **figures, yardsticks=plain)


def _cycle(clock: Any) -> int:
    """One poll and flush; how many positions were new."""
    buffer = FeedBuffer()
    buffer.redis.delete(polling.LOCK)  # cycles follow each other faster than polls may
    result = polling.poll(datetime.now(UTC))
    if result.outcome is not polling.Outcome.TAKEN:
        raise RuntimeError(f"The poll failed: {result}")
    flushed = flushing.flush(buffer)
    clock.value += STEP_S
    return flushed.positions


def _measure(clock: Any, servers: dict[str, RunningServer]) -> dict[str, Any]:
    stages = Stages()
    restore = _watch(stages)
    cpu_before = {name: cpu_of_tree(server.pid) for name, server in servers.items()}
    wal_before, started = wal_bytes(), time.perf_counter()
    positions = 0
    for _ in range(WINDOW_FEEDS):
        with stages.stage("the rest"):
            positions += _cycle(clock)
    wall_s = time.perf_counter() - started
    flush_wal = wal_bytes() - wal_before
    hot_bytes, cold_bytes = _relation_bytes(HOT), _relation_bytes(COLD)
    with stages.stage("compaction"):
        compacting.compact()  # the last feed was the first of the next window
    cold_bytes = _relation_bytes(COLD) - cold_bytes
    compaction_wal = wal_bytes() - wal_before - flush_wal
    for undo in restore:
        undo()
    for name, server in servers.items():
        stages.seconds[name] = cpu_of_tree(server.pid) - cpu_before[name]
    return {
        "positions": positions,
        "cpu_us_per_aircraft": {
            name: round(seconds / positions * 1e6, 2)
            for name, seconds in sorted(stages.seconds.items())
        },
        "cpu_us_per_aircraft_in_all": round(sum(stages.seconds.values()) / positions * 1e6, 2),
        "wall_s_per_cycle": round(wall_s / WINDOW_FEEDS, 3),
        "wal_bytes_per_position": round((flush_wal + compaction_wal) / positions, 1),
        "wal_bytes_per_position_compaction": round(compaction_wal / positions, 1),
        "disk_bytes_per_position_hot": round(hot_bytes / positions, 1),
        "disk_bytes_per_position_cold": round(cold_bytes / positions, 1),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _relation_bytes(table: str) -> int:
    """Bytes of a table's partitions, indexes in."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint"
            " FROM pg_inherits WHERE inhparent = %s::regclass",
            [table],
        )
        return int(cursor.fetchone()[0])


def _watch(stages: Stages) -> list[Callable[[], None]]:
    """Tell the parts of a cycle apart."""
    return [
        stages.watch(owner, attribute, name)
        for owner, attribute, name in [
            (polling, "_fetch", "poll: fetch"),
            (polling, "read_counts", "poll: guard"),
            (FeedBuffer, "append", "poll: buffer"),
            (flushing, "_content", "flush: unpack"),
            (flushing, "parse_feed", "flush: parse"),
            (flushing, "parse_transceivers", "flush: parse transceivers"),
            (identity.Flights, "advance", "flush: identity"),
            (sessions.Sessions, "advance", "flush: sessions"),
            (tunings.Tunings, "advance", "flush: tunings"),
            (writing, "write_positions", "flush: positions"),
            (recording, "write_flights", "flush: other rows"),
            (recording, "write_sessions", "flush: other rows"),
            (recording, "write_tunings", "flush: other rows"),
            (recording, "write_prefiles", "flush: other rows"),
            (recording, "announce_stored", "flush: events"),
            (flushing, "announce_cached", "flush: events"),
        ]
    ]
