"""Pseudonyms: what stands for a member where the member must not be known.

A pseudonym is a negative integer out of a keyed hash of the CID. It fits in what JSON clients
hold exactly (53 bits), and says nothing about the CID without the key.
"""

import hashlib
import hmac
from collections.abc import Collection
from functools import lru_cache
from typing import TypeVar

from django.conf import settings

from collector.parsing import Feed
from collector.records import Client, Key

_BITS = 52


@lru_cache(maxsize=200_000)
def pseudonym(cid: int) -> int:
    """The pseudonym of a member; one that is a pseudonym already stays as it is."""
    if cid < 0:
        return cid
    digest = hmac.digest(settings.PSEUDONYM_KEY.encode(), str(cid).encode(), hashlib.sha256)
    return -1 - (int.from_bytes(digest[:8], "big") >> (64 - _BITS))


def hide_erased(feed: Feed, erased: Collection[int]) -> None:
    """Put the pseudonym in place of every member of `feed` who was erased."""
    if not erased:
        return
    feed.pilots = _hidden(feed.pilots, erased)
    feed.controllers = _hidden(feed.controllers, erased)
    feed.atis = _hidden(feed.atis, erased)
    feed.prefiles = _hidden(feed.prefiles, erased)


ClientT = TypeVar("ClientT", bound=Client)


def _hidden(records: dict[Key, ClientT], erased: Collection[int]) -> dict[Key, ClientT]:
    for record in records.values():
        alias = pseudonym(record.cid)
        if alias in erased:
            record.cid, record.name = alias, ""
    return {(record.cid, record.callsign): record for record in records.values()}
