"""Pages of lists that grow: each begins where the last one ended, however long the list is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.db.models import Model, Q, QuerySet
from django.template import loader
from django.views import View
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from monitoring.api import parameters

Row = Model | dict[str, Any]


@dataclass(frozen=True)
class Ordering:
    """One field and a direction; rows that are equal in it are told apart by primary key."""

    field: str
    descending: bool
    key: str

    @property
    def name(self) -> str:
        """As it stands in the `ordering` parameter."""
        return f"-{self.field}" if self.descending else self.field

    def apply(self, queryset: QuerySet[Any], *, backwards: bool) -> QuerySet[Any]:
        """The queryset in this order, or in the opposite one."""
        sign = "-" if self.descending != backwards else ""
        return queryset.order_by(*dict.fromkeys((sign + self.field, sign + self.key)))

    def beyond(self, edge: "Edge") -> Q:
        """The rows that come after the edge, or before it where the edge points backwards."""
        side = "lt" if self.descending != edge.backwards else "gt"
        behind = Q(**{f"{self.key}__{side}": edge.key})
        if self.field == self.key:
            return behind
        # The first condition is implied, but it is the one that an index can serve.
        return Q(**{f"{self.field}__{side}e": edge.value}) & (
            Q(**{f"{self.field}__{side}": edge.value}) | behind
        )


@dataclass(frozen=True)
class Edge:
    """The row at which a page ends, and to which side the asked page lies."""

    value: Any
    key: Any
    backwards: bool

    @classmethod
    def at(cls, row: Row, ordering: Ordering, *, backwards: bool) -> "Edge":
        """The edge at `row`."""
        return cls(_value(row, ordering.field), _value(row, ordering.key), backwards)

    def sign(self, salt: str) -> str:
        """The cursor: signed, so that none but ours ever reaches a query."""
        return signing.dumps([self.value, self.key, self.backwards], salt=salt, compress=True)

    @classmethod
    def read(cls, cursor: str, salt: str) -> "Edge":
        """The edge that `sign` made a cursor of; raises `ValidationError` for any other text."""
        try:
            return cls(*signing.loads(cursor, salt=salt))
        except signing.BadSignature:
            raise ValidationError({"cursor": ["Not a cursor of this list and ordering."]}) from None


class CursorPagination(BasePagination):
    """`results`, `next`, `previous` by `cursor`, `page_size` (at most 200) and `ordering`.

    A view names in `ordering_fields` what may order its list (columns without NULL, each with an
    index that ends in the primary key) and in `ordering` its usual order.
    """

    page_size = 100
    max_page_size = 200
    parameter_names = ("cursor", "page_size", "ordering")
    template = "rest_framework/pagination/previous_and_next.html"
    display_page_controls = True
    # Until a page is read: the browsable API draws the controls of refusals, too.
    _next: str | None = None
    _previous: str | None = None

    def paginate_queryset(
        self, queryset: Any, request: Request, view: View | None = None
    ) -> list[Any]:
        """The rows of the asked page."""
        self._url = request.build_absolute_uri()
        self._ordering = _read_ordering(request, queryset, view)
        self._salt = f"{queryset.model._meta.label}:{self._ordering.name}"
        query = request.query_params
        size = parameters.integer(
            query, "page_size", self.page_size, least=1, most=self.max_page_size
        )
        cursor = query.get("cursor")
        edge = Edge.read(cursor, self._salt) if cursor else None
        return self._read_page(queryset, edge, size)

    def get_paginated_response(self, data: list[Any]) -> Response:
        """The page with the addresses of its neighbours, which stand in `Link` too (for CSV)."""
        body = {"results": data, "next": self._next, "previous": self._previous}
        links = [f'<{url}>; rel="{rel}"' for rel in ("next", "previous") if (url := body[rel])]
        return Response(body, headers={"Link": ", ".join(links)} if links else {})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The page's form in the schema."""
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {
                "results": schema,
                "next": link,
                "previous": link,
            },
        }

    def get_schema_operation_parameters(self, view: View) -> list[dict[str, Any]]:
        """The parameters in the schema."""
        size = {"type": "integer", "minimum": 1, "maximum": self.max_page_size}
        orders = _directions(getattr(view, "ordering_fields", ()))
        schemas = {
            "cursor": {"type": "string"},
            "page_size": size | {"default": self.page_size},
            "ordering": {"type": "string"} | ({"enum": orders} if orders else {}),
        }
        return [
            {"name": name, "in": "query", "required": False, "schema": schema}
            for name, schema in schemas.items()
        ]

    def get_results(self, data: dict[str, Any]) -> list[Any]:
        """The rows out of a page's body."""
        results: list[Any] = data["results"]
        return results

    def to_html(self) -> str:
        """The links of the browsable API."""
        context = {"previous_url": self._previous, "next_url": self._next}
        return loader.get_template(self.template).render(context)

    def _read_page(self, queryset: QuerySet[Any], edge: Edge | None, size: int) -> list[Row]:
        backwards = edge is not None and edge.backwards
        if edge is not None:
            queryset = queryset.filter(self._ordering.beyond(edge))
        # One more than asked tells whether there is more on that side.
        rows = list(self._ordering.apply(queryset, backwards=backwards)[: size + 1])
        more, rows = len(rows) > size, rows[:size]
        if backwards:
            rows.reverse()
        self._next = self._link(rows, -1) if more or backwards else None
        self._previous = self._link(rows, 0) if (more if backwards else edge) else None
        return rows

    def _link(self, rows: list[Row], index: int) -> str | None:
        if not rows:
            return None
        edge = Edge.at(rows[index], self._ordering, backwards=index == 0)
        return replace_query_param(self._url, "cursor", edge.sign(self._salt))


def _read_ordering(request: Request, queryset: QuerySet[Any], view: View | None) -> Ordering:
    key = queryset.model._meta.pk.name
    usual = getattr(view, "ordering", f"-{key}")
    fields = getattr(view, "ordering_fields", (usual.removeprefix("-"),))
    name = parameters.choice(request.query_params, "ordering", usual, allowed=_directions(fields))
    return Ordering(name.removeprefix("-"), name.startswith("-"), key)


def _directions(fields: Iterable[str]) -> list[str]:
    return [sign + field for field in fields for sign in ("", "-")]


def _value(row: Row, field: str) -> int | float | str:
    value = row[field] if isinstance(row, dict) else getattr(row, field)
    return value if isinstance(value, int | float | str) else str(value)
