"""Finds the member behind a pseudonym, so that anonymous readers can filter history by it.

A pseudonym can't be computed backwards. So those of all members in the tables are computed once in
a process, about a microsecond each, and later only those of rows that came since.
"""

import threading

from django.db import connection
from django.db.models import Max

from collector.models import ControllerSession, Flight
from collector.privacy import pseudonym

# The CIDs of a table by jumping from one to the next in an index that begins with them.
_DISTINCT = """
    WITH RECURSIVE members AS (
        (SELECT cid FROM {table} ORDER BY cid LIMIT 1)
        UNION ALL
        SELECT (SELECT cid FROM {table} WHERE cid > members.cid ORDER BY cid LIMIT 1)
        FROM members WHERE members.cid IS NOT NULL
    )
    SELECT cid FROM members WHERE cid > 0"""


class _Aliases:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._members: dict[int, int] = {}
        self._read_to: dict[type[Flight | ControllerSession], int] = {}

    def member(self, alias: int) -> int | None:
        with self._lock:
            if alias not in self._members:
                for model in (Flight, ControllerSession):
                    self._learn(model)
            return self._members.get(alias)

    def _learn(self, model: type[Flight | ControllerSession]) -> None:
        rows = model.objects
        newest = rows.aggregate(newest=Max("pk"))["newest"] or 0
        if model not in self._read_to:
            cids = _all_cids(model)
        else:
            since = rows.filter(pk__gt=self._read_to[model], cid__gt=0)
            cids = list(since.values_list("cid", flat=True).distinct())
        self._members.update((pseudonym(cid), cid) for cid in cids)
        self._read_to[model] = newest


def _all_cids(model: type[Flight | ControllerSession]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_DISTINCT.format(table=model._meta.db_table))
        return [cid for (cid,) in cursor.fetchall()]


_aliases = _Aliases()


def member_of(alias: int) -> int | None:
    """The CID that a pseudonym stands for, None where nobody in the tables has it."""
    return _aliases.member(alias)


def forget() -> None:
    """Read the tables anew at the next call."""
    global _aliases
    _aliases = _Aliases()
