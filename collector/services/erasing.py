"""Makes the system forget who a member is, and keeps what the member flew and controlled.

A pseudonym takes the place of the CID, and the name goes, in every table of the project's own apps:
in the columns that hold them, and wherever a text or JSON value contains them. Tables without a
CID can hold one only there: a rejected record, a remark, an ATIS.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Cast

from collector.buffer import FeedBuffer
from collector.models import ControllerSession, ErasedMember, Flight, Prefile, SessionPeriod, Source
from collector.privacy import pseudonym
from collector.services import flushing
from collector.snapshots import withdraw

_TEXTS = (models.CharField, models.TextField, models.JSONField, ArrayField)
# A callsign is no free text: it stays, as the key under which later feeds continue a flight. Names
# of others may be equal to the member's.
_KEPT = frozenset({"callsign", "name"})
_HOME_AIRPORT = re.compile(r"\s+[A-Z]{4}$")  # which many members append to their names


class ErasureConflict(Exception):
    """Two members have the same pseudonym, so that the rows of one can't be told apart."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure changed: rows by table. `held` feeds in the buffer still name the member.

    They are neither shown nor stored with the name, and leave the buffer when later feeds have
    shown whether they can be true.
    """

    pseudonym: int
    rows: Counter[str]
    held: int


def erase_member(cid: int) -> Erasure:
    """Put the pseudonym in place of a CID everywhere, for good, and drop the name.

    Running it again is harmless. Waits for a flush that is under way. Raises `ErasureConflict`.
    """
    alias = pseudonym(cid)
    try:
        with transaction.atomic():
            _lock_out_flushes()
            rows = _erase_from_tables(cid, alias)
            ErasedMember.objects.get_or_create(pk=alias)
            if Source.objects.update(erasures=F("erasures") + 1):
                flushing.refresh_lists()
    except IntegrityError as error:
        raise ErasureConflict(f"The pseudonym {alias} is another member's: {error}") from error
    return Erasure(alias, rows, _erase_from_redis())


def _lock_out_flushes() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [flushing.LOCK])


def _erase_from_redis() -> int:
    """Store what the buffer holds, forget it there; how many feeds must stay."""
    buffer = FeedBuffer()
    flushing.flush(buffer)
    buffer.forget_flushed()
    withdraw()
    return buffer.depth().feeds


# --- Tables -------------------------------------------------------------------------------------


def _erase_from_tables(cid: int, alias: int) -> Counter[str]:
    scrub = _Scrubber(cid, alias, _names_of(cid))
    rows: Counter[str] = Counter()
    SessionPeriod.objects.filter(session__cid=cid).update(name="")
    for model in _own_models():
        changed = _rename(model, cid, alias) | _scrub_texts(model, scrub)
        rows[str(model._meta.verbose_name_plural)] = len(changed)
    return +rows


def _own_models() -> Iterator[type[models.Model]]:
    """The models with tables of the project's own apps, on this floor and all others."""
    for model in apps.get_models():
        is_ours = Path(model._meta.app_config.path).parent == settings.BASE_DIR
        if is_ours and model._meta.managed and not model._meta.proxy:
            yield model


def _rows(model: type[models.Model]) -> "models.QuerySet[Any]":
    return models.QuerySet(model)


def _rename(model: type[models.Model], cid: int, alias: int) -> set[Any]:
    """Replace the CID and drop the name where a model has them; the keys of the rows."""
    fields = {field.name for field in model._meta.concrete_fields}
    if "cid" not in fields:
        return set()
    rows = _rows(model).filter(cid=cid)
    keys = set(rows.values_list("pk", flat=True))
    rows.update(cid=alias, **({"name": ""} if "name" in fields else {}))
    return keys


def _names_of(cid: int) -> set[str]:
    """Every name under which a member was seen."""
    names: set[str] = set()
    for model in (Flight, ControllerSession, Prefile):
        names.update(_rows(model).filter(cid=cid).values_list("name", flat=True))
    periods = SessionPeriod.objects.filter(session__cid=cid)
    return names.union(periods.values_list("name", flat=True))


class _Scrubber:
    """Replaces a CID and drops names wherever a value contains them."""

    def __init__(self, cid: int, alias: int, names: Iterable[str]) -> None:
        self.cid = cid
        self.alias = alias
        self.searched = {str(cid), *_searched_names(names)}
        self._cid = re.compile(rf"(?<!\d){cid}(?!\d)")
        texts = sorted(map(re.escape, self.searched - {str(cid)}), key=len, reverse=True)
        self._names = re.compile("|".join(texts), re.IGNORECASE) if texts else None

    def __call__(self, value: Any) -> Any:
        """`value`, of any type that JSON knows, without the member."""
        if isinstance(value, str):
            text = self._names.sub("", value) if self._names else value
            return self._cid.sub(str(self.alias), text)
        if isinstance(value, dict):
            return {self(key): self(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self(item) for item in value]
        return self.alias if value == self.cid and not isinstance(value, bool) else value


def _searched_names(names: Iterable[str]) -> Iterator[str]:
    """Names of two words or more, also as JSON text has them; one word alone names nobody."""
    for name in names:
        for form in (name.strip(), _HOME_AIRPORT.sub("", name.strip())):
            if len(form.split()) > 1:
                yield form
                yield json.dumps(form)[1:-1]


def _scrub_texts(model: type[models.Model], scrub: _Scrubber) -> set[Any]:
    """Replace the member in texts of any row; the keys of the rows that held something."""
    texts = [field for field in model._meta.concrete_fields if _is_free_text(field)]
    if not texts:
        return set()
    everything = models.Func(
        models.Value(" "),
        *(Cast(field.name, models.TextField()) for field in texts),
        function="CONCAT_WS",
        output_field=models.TextField(),
    )
    containing = reduce(or_, (Q(everything__icontains=text) for text in scrub.searched))
    rows = _rows(model)
    found = rows.alias(everything=everything).filter(containing)
    changed = [row for row in found if _scrub_row(row, texts, scrub)]
    rows.bulk_update(changed, [field.name for field in texts], batch_size=500)
    return {row.pk for row in changed}


def _is_free_text(field: "models.Field[Any, Any]") -> bool:
    """Not a key, whose every character counts."""
    return isinstance(field, _TEXTS) and not field.unique and field.name not in _KEPT


def _scrub_row(
    row: models.Model, texts: "Iterable[models.Field[Any, Any]]", scrub: _Scrubber
) -> bool:
    """Whether anything in a row had to be replaced."""
    changed = False
    for field in texts:
        before = getattr(row, field.attname)
        after = scrub(before)
        if after != before:
            most = getattr(field, "max_length", None)
            setattr(row, field.attname, after[:most] if most else after)
            changed = True
    return changed
