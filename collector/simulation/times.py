"""Times as the feed writes them, and ticks of 100 ns since 1970, the unit of its seventh digit."""

from datetime import UTC, datetime, timedelta

TICKS_PER_S = 10_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ticks_of(moment: datetime) -> int:
    """Ticks until an aware time; one without zone raises TypeError."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * (TICKS_PER_S // 1_000_000)


def second(seconds: int) -> str:
    """A time in seconds since 1970, without the Z."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def exact_time(ticks: int) -> str:
    """A time in ticks with seven digits, as in `last_updated`."""
    seconds, fraction = divmod(ticks, TICKS_PER_S)
    return f"{second(seconds)}.{fraction:07}Z"
