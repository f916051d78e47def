"""Pages of tables that grow: read-only, and counted no further than one can leaf through."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

MOST_LISTED = 10_000  # rows that one can leaf through; further ones are found by search


class FirstRowsPaginator(Paginator):  # type: ignore[type-arg] # generic in the stubs only
    """Leafs through the first rows, and counts no others."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, at most MOST_LISTED."""
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment] # lists have none else
        return rows.order_by()[:MOST_LISTED].count()

    @property
    def is_cut(self) -> bool:
        """Whether there may be more rows."""
        return self.count >= MOST_LISTED


class RecordAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # generic in the stubs only
    """Rows that the system writes: people read them, and act on them by actions."""

    list_per_page = 100
    paginator = FirstRowsPaginator
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody makes one up."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Retention deletes."""
        return False
