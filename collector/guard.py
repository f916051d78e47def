"""Judges whether a feed that parsed can be true.

The network shrinks slowly: the numbers of pilots in successive recorded feeds stood at 0.989 to
1.012 of each other. A feed that lost many at once, or whose numbers contradict its header, is held
back until later feeds show whether the network really changed.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median

from collector.parsing import Counts
from collector.rules import Rules


def implausible(feed: Counts, accepted: Iterable[tuple[datetime, int]], rules: Rules) -> str:
    """Why `feed` can't be believed yet, or an empty string.

    `accepted` are the times and numbers of pilots of feeds that were believed. With none in the
    last ten minutes of feed time, everything about the number of pilots is believed.
    """
    since = feed.feed_at - timedelta(seconds=rules.quarantine_window_s)
    recent = [pilots for feed_at, pilots in accepted if since <= feed_at < feed.feed_at]
    if recent and feed.pilots < rules.quarantine_ratio * median(recent):
        return f"{feed.pilots} pilots, after a median of {median(recent):g}"
    most = max(rules.quarantine_clients, rules.quarantine_clients_ratio * feed.connected_clients)
    if abs(feed.connected_clients - feed.clients) > most:
        return f"{feed.clients} clients listed, but connected_clients is {feed.connected_clients}"
    return ""


def has_changed_for_good(held_since: datetime, feed_at: datetime, rules: Rules) -> bool:
    """Whether feeds were implausible for so long that they must be true."""
    return feed_at - held_since >= timedelta(seconds=rules.quarantine_accept_s)
