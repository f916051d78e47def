"""What changed from one version of something to the next."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from collector.admin.labels import label_of


class Change(NamedTuple):
    """A field's text before and after."""

    name: str
    before: str
    after: str


def changes(versions: Sequence[Any], names: Sequence[str]) -> list[list[Change]]:
    """For each version what changed in the fields `names`; for the first, all that it says."""
    return [
        [
            Change(name, old, new)
            for name in names
            if (old := _text(before, name)) != (new := _text(after, name))
        ]
        for before, after in pairwise([None, *versions])
    ]


def as_html(found: Iterable[Change]) -> SafeString:
    """Changes in one cell, each with what is no longer so before what is."""
    return format_html_join(
        "",
        '<div class="change"><b>{}</b><span><del>{}</del> <ins>{}</ins></span></div>',
        ((label_of(change.name), change.before, change.after) for change in found),
    )


def _text(version: Any, name: str) -> str:
    value = getattr(version, name, None)
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return "\n".join(value) if isinstance(value, list) else str(value)
