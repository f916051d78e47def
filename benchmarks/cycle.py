"""What a poll and flush cost, by stage, with their bytes on disk."""

import resource
import time
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import Any

import orjson
from django.conf import settings
from django.db import connection

from benchmarks.meter import Stages, cpu_of_tree, report, wal_bytes
from benchmarks.servers import simulated_feed
from collector import feed, identity, sessions, tunings
from collector.buffer import FeedBuffer
from collector.services import compacting, flushing, polling, recording, writing
from vatsim_site.embedded.servers import RunningServer

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC).timestamp()
STEP_S = 15


def watch_stages(stages: Stages) -> list[Any]:
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
        ]
    ]


def run(aircraft: int, servers: dict[str, RunningServer], cycles: int) -> None:
    """Run cycles over windows of simulated feeds and report one line."""
    clock = get_context("spawn").Value("d", START)
    with simulated_feed(aircraft, clock) as address:
        settings.VATSIM_API_URL = f"{address}/v3/vatsim-data.json"
        settings.VATSIM_TRANSCEIVERS_URL = f"{address}/v3/transceivers-data.json"
        for _ in range(3):  # the first feed opens every flight
            _cycle(clock)
        measured = _measure(clock, servers, cycles)
    report(bench="cycle", aircraft=aircraft, cycles=cycles, **measured)


def _cycle(clock: Any) -> int:
    polling_lock = FeedBuffer().redis
    polling_lock.delete(polling.LOCK)
    result = polling.poll(datetime.now(UTC))
    if result.outcome is not polling.Outcome.TAKEN:
        raise RuntimeError(f"poll: {result}")
    flushed = flushing.flush()
    clock.value += STEP_S
    return flushed.positions


def _measure(clock: Any, servers: dict[str, RunningServer], cycles: int) -> dict[str, Any]:
    stages = Stages()
    undo = watch_stages(stages)
    pids = {name: server.pid for name, server in servers.items()}
    cpu_before = {name: cpu_of_tree(pid) for name, pid in pids.items()}
    wal_before, started = wal_bytes(), time.perf_counter()
    positions = 0
    for _ in range(cycles):
        with stages.stage("other"):
            positions += _cycle(clock)
    wall_s = time.perf_counter() - started
    wal_hot = wal_bytes() - wal_before
    with stages.stage("compaction"):
        compacting.compact()
    wal = wal_bytes() - wal_before
    for name, pid in pids.items():
        stages.seconds[name] = cpu_of_tree(pid) - cpu_before[name]
    for restore in undo:
        restore()
    per_position = {name: round(s / positions * 1e6, 2) for name, s in stages.seconds.items()}
    return {
        "positions": positions,
        "cpu_us_per_aircraft": per_position,
        "cpu_us_per_aircraft_in_all": round(sum(stages.seconds.values()) / positions * 1e6, 2),
        "wall_s_per_cycle": round(wall_s / cycles, 3),
        "wal_bytes_per_position": round(wal / positions, 1),
        "wal_bytes_per_position_before_compaction": round(wal_hot / positions, 1),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "yardsticks": _yardsticks(positions // cycles),
    }


def _yardsticks(aircraft: int) -> dict[str, float]:
    body = feed.fetch(polling.sources.addresses(), polling.sources.limits()).data.content
    best = min(_cpu(lambda: orjson.loads(body)) for _ in range(3))
    return {"orjson_loads_us_per_aircraft": round(best / aircraft * 1e6, 2)}


def _cpu(action: Any) -> float:
    started = time.process_time()
    action()
    return time.process_time() - started
