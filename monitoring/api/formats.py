"""Rows as CSV and as JSON lines.

A spreadsheet runs a cell that begins with `=`, `+`, `-`, `@`, their full-width forms, a tab or a
carriage return as a formula (OWASP, "CSV injection"), and the feed's strings are whatever somebody
typed: such a cell gets an apostrophe in front. Plain numbers stay numbers, negative ones too.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rest_framework import renderers

from monitoring.api.renderers import encode

_FORMULA = re.compile(r"\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")

Row = Mapping[str, Any]


def neutralise(text: str) -> str:
    """The text, with an apostrophe in front where a spreadsheet would run it."""
    if _FORMULA.match(text) and not _PLAIN_NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def write_csv(rows: Iterable[Row], columns: Sequence[str] | None = None) -> str:
    """The rows under one line of headings; nested objects become columns `outer.inner`.

    Without `columns` the headings are all keys in the order in which they first appear.
    """
    flat = [_flatten(row) for row in rows]
    columns = columns or list(dict.fromkeys(key for row in flat for key in row))
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(map(neutralise, columns))
    writer.writerows([_cell(row.get(column)) for column in columns] for row in flat)
    return buffer.getvalue()


def write_ndjson(rows: Iterable[Row]) -> bytes:
    """One JSON object a line."""
    return b"".join(encode(row) + b"\n" for row in rows)


def rows_of(data: Any) -> Iterable[Row]:
    """The rows of an answer: of a plain list, of a page, or the one object that it is."""
    if isinstance(data, Mapping):
        rows: Iterable[Row] = data.get("results", [data])
        return rows
    return data or []


class CSVRenderer(renderers.BaseRenderer):
    """An answer's rows as CSV; the next page's address stands in the `Link` header."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        """The text, in the order of the view's `csv_columns` where it names them."""
        columns = getattr((renderer_context or {}).get("view"), "csv_columns", None)
        return write_csv(rows_of(data), columns)


class NDJSONRenderer(renderers.BaseRenderer):
    """An answer's rows as JSON lines."""

    media_type = "application/x-ndjson"
    format = "ndjson"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The lines."""
        return write_ndjson(rows_of(data))


def _flatten(row: Row, prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return neutralise(value)
    encoded = encode(value).decode()
    # A time or another value that JSON writes as a string stands without its quotes.
    return neutralise(encoded[1:-1]) if encoded.startswith('"') else encoded
