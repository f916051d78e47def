"""JSON for programs, pages for people."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from csp.constants import UNSAFE_INLINE
from django.utils.functional import Promise
from rest_framework import renderers

# The browsable API shows the beginning of a long answer; turning all of a list of thousands of
# flights into links would cost seconds.
SHOWN_CHARACTERS = 100_000


def _simplify(value: Any) -> Any:
    """What msgspec doesn't know by itself: kinds of text, querysets, generators."""
    if isinstance(value, str | Promise):
        return str(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"A {type(value).__name__} can't stand in JSON.")


# Times with Z, and null for NaN and infinity, are msgspec's own habits.
_encoder = msgspec.json.Encoder(enc_hook=_simplify, decimal_format="number")
encode = _encoder.encode


class JSONRenderer(renderers.BaseRenderer):
    """JSON in UTF-8: aware times in UTC with `Z`, never NaN."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The bytes of `data`; a `msgspec.Raw` in it stands as it is."""
        if data is None:
            return b""
        body = encode(data)
        indent = (renderer_context or {}).get("indent")
        return msgspec.json.format(body, indent=indent) if indent else body


class BrowsableAPIRenderer(renderers.BrowsableAPIRenderer):
    """DRF's pages, under a policy that allows their inline styles but no inline script."""

    def get_content(
        self,
        renderer: renderers.BaseRenderer,
        data: Any,
        accepted_media_type: str | None,
        renderer_context: Mapping[str, Any],
    ) -> str:
        """The answer as text, its beginning where it is long."""
        content = super().get_content(renderer, data, accepted_media_type, renderer_context)
        if len(content) <= SHOWN_CHARACTERS:
            return content
        return f"{content[:SHOWN_CHARACTERS]}\n… {len(content):,} characters in all"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        """The page."""
        context = renderer_context or {}
        # What django-csp's own decorator sets; a renderer has no view function to decorate.
        context["response"]._csp_update = {"style-src": [UNSAFE_INLINE]}  # noqa: SLF001
        return super().render(data, accepted_media_type, context)
