"""Two handlers that work, and some that don't; what they did stands in tables of the test."""

import time

from django.db import connection

from monitoring.events.signals import StoredEvent

EFFECTS = """
    CREATE TABLE effects (event_id bigint, number int);
    CREATE TABLE calls (event_id bigint, key text);
"""
LEAKED_BYTES = 40_000_000
_leaked: list[bytearray] = []


def store(event: StoredEvent) -> None:
    """Have an effect in the database, and take a moment before and after."""
    time.sleep(0.002)
    with connection.cursor() as cursor:
        number = getattr(event.payload, "number", 0)
        cursor.execute("INSERT INTO effects VALUES (%s, %s)", [event.id, number])
    time.sleep(0.002)


def tell(event: StoredEvent) -> None:
    """Reach outside: what is written here is not the delivery's."""
    time.sleep(0.001)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO calls VALUES (%s, %s)", [event.id, event.key])
    time.sleep(0.001)


def hang(_: StoredEvent) -> None:
    time.sleep(3600)


def hang_for_good(_: StoredEvent) -> None:
    """Can't be interrupted from within."""
    while True:
        try:
            time.sleep(3600)
        except BaseException:  # noqa: BLE001, S112
            continue


def fail(_: StoredEvent) -> None:
    raise RuntimeError("as always")


def leak(event: StoredEvent) -> None:
    """Keep what is never used again."""
    _leaked.append(bytearray(b"x" * LEAKED_BYTES))
    tell(event)
