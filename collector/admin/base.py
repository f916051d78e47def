"""What the pages of collected data have in common: nobody changes it, and nothing is counted whole.

Some of these tables hold many millions of rows. A list counts no further than it can be leafed
through, sorts by its index alone, searches by conditions that an index serves, and offers no
counts beside its filters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib.admin.utils import quote
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from collector.admin.labels import HELP, LABELS
from monitoring.admin.bounded import RecordAdmin

MOST_SHOWN = 200  # rows of a section


class FixedOrder(ChangeList):
    """A list in the order of its index, whatever an address asks for."""

    def get_ordering_field(self, field_name: Any) -> None:
        """No column sorts."""


@dataclass(frozen=True, slots=True)
class Section:
    """A table on the page of one row; the template escapes what its cells hold."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]

    @property
    def is_cut(self) -> bool:
        """Whether there may be more rows."""
        return len(self.rows) >= MOST_SHOWN


class Link(NamedTuple):
    """An address beside the title of a page."""

    address: str
    text: str


def newest(rows: QuerySet[Any], at: str) -> list[Any]:
    """The last rows by a column of time, in its order: as many as a section shows."""
    return list(rows.order_by(f"-{at}")[:MOST_SHOWN])[::-1]


def page_of(row: Model) -> str:
    """The address of a row's page."""
    return reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_change", args=[quote(row.pk)])


def list_of(model: type[Model], search: str) -> str:
    """The address of a list, searched."""
    address = reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist")
    return f"{address}?{urlencode({'q': search})}"


def link_to(row: Model | None) -> str:
    """A row's text as a link to its page; a dash where there is none."""
    return format_html('<a href="{}">{}</a>', page_of(row), row) if row else "-"


class CollectedAdmin(RecordAdmin):
    """Pages to read: a list, and a page for each row with sections of what belongs to it."""

    actions = None
    note = ""  # above the list

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        """Which list it is."""
        return FixedOrder

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **options: Any
    ) -> Any:
        """The page's fields, under names for people."""
        return super().get_form(request, obj, change, labels=LABELS, help_texts=HELP, **options)

    def matching(self, word: str) -> Q:
        """The condition for rows that a word of the search means; an index must serve it."""
        return Q()

    def about(self, row: Any) -> dict[str, Any]:
        """What the page of a row shows beside its fields: `sections`, `links`."""
        return {}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Rows that every word means."""
        for word in search_term.split():
            queryset = queryset.filter(self.matching(word))
        return queryset, False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, under its note."""
        return super().changelist_view(request, {"note": self.note} | (extra_context or {}))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """The page of one row, with its sections."""
        context |= self.about(context["original"])
        return super().render_change_form(request, context, *args, **options)
