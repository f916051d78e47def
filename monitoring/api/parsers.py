"""Request bodies."""

from collections.abc import Mapping
from typing import IO, Any

import msgspec
from rest_framework import exceptions, parsers


class JSONParser(parsers.JSONParser):
    """Strict JSON in UTF-8.

    DRF's own fails on deep nesting and unknown charsets, and lets lone surrogates through, which
    neither PostgreSQL nor an answer can hold.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The value of the body; raises `ParseError` where it is no such JSON."""
        try:
            return msgspec.json.decode(stream.read())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise exceptions.ParseError(f"The body is no valid JSON: {error}.") from None
