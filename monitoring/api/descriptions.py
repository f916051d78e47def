"""What a view says of itself: the same title and words in the schema and in the browsable API.

A view names its title in `name` and its group in `tag`; the rest is the docstring of its method.
"""

import inspect

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from rest_framework.views import APIView


def describe(view: APIView, html: bool = False) -> str:
    """What reading the view's address answers (DRF's `VIEW_DESCRIPTION_FUNCTION`)."""
    text = inspect.getdoc(getattr(view, "get", None)) or inspect.getdoc(type(view)) or ""
    return _as_html(text) if html else text


def _as_html(text: str) -> SafeString:
    """Paragraphs, with what stands between backticks as code."""
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    return format_html_join("", "<p>{}</p>", ((_with_code(each),) for each in paragraphs))


def _with_code(text: str) -> SafeString:
    parts = (
        format_html("<code>{}</code>", part) if number % 2 else part
        for number, part in enumerate(text.split("`"))
    )
    return format_html_join("", "{}", ((part,) for part in parts))
