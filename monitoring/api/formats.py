"""Rows as CSV and as JSON lines.

A spreadsheet runs a cell that begins with `=`, `+`, `-`, `@`, their full-width or small forms, a
tab or a carriage return as a formula (OWASP, "CSV injection"), some also behind spaces and what
can't be seen: a byte order mark, a zero-width space, a control character. The feed's strings are
whatever somebody typed: such a cell gets an apostrophe in front. Plain numbers stay numbers,
negative ones too.

Where the list separator is the semicolon, a spreadsheet sees one cell in a line, up to the first
semicolon. Every cell is quoted, but quotes hold together only what begins a cell for the reader: so
whatever stands behind a semicolon or a line break gets its apostrophe as well.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rest_framework import renderers

from monitoring.api.renderers import encode

_FORMULA = frozenset("=+-@")
_UNSEEN = frozenset("ZC")  # Unicode's separators, and controls, formats and unassigned characters
_PARTS = re.compile(r"(?<=[;\r\n])")
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")

Row = Mapping[str, Any]


def neutralise(text: str) -> str:
    """The text, with an apostrophe in front of what a spreadsheet would run."""
    return "".join(
        f"'{part}" if _runs(part) and not _PLAIN_NUMBER.fullmatch(part) else part
        for part in _PARTS.split(text)
    )


def _runs(text: str) -> bool:
    if text[:1].isalnum():  # nearly every cell
        return False
    for character in text:
        if character in "\t\r":
            return True
        if unicodedata.category(character)[0] not in _UNSEEN:
            # Full-width and small forms are compatible with the plain sign.
            return unicodedata.normalize("NFKC", character) in _FORMULA
    return False


def write_csv(rows: Iterable[Row], columns: Sequence[str] | None = None) -> str:
    """The rows under one line of headings; nested objects become columns `outer.inner`.

    Without `columns` the headings are all keys in the order in which they first appear.
    """
    flat = [_flatten(row) for row in rows]
    columns = columns or list(dict.fromkeys(key for row in flat for key in row))
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
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
    if isinstance(value, int | float):
        return encoded
    # A time or another value that JSON writes as a string stands without its quotes.
    return neutralise(encoded[1:-1] if encoded.startswith('"') else encoded)
