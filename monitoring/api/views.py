"""The API's own description, for programs and for people."""

from functools import lru_cache
from typing import Any

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.conf import settings
from django.utils.decorators import method_decorator
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from monitoring.api.parameters import StrictParametersMixin
from monitoring.api.permissions import PublicRead
from monitoring.api.renderers import BrowsableAPIRenderer, JSONRenderer
from monitoring.api.schema import METHODS

TAG = "The API itself"


class SchemaView(SpectacularAPIView):
    """The schema in OpenAPI 3.1, as YAML or with `?format=json` as JSON."""

    name = "Schema"
    tag = TAG


@method_decorator(csp_update({"style-src": [UNSAFE_INLINE]}), name="dispatch")
class DocsView(SpectacularSwaggerSplitView):
    """Swagger's page, its script apart so that no script is inline; it styles itself inline."""


class IndexRenderer(BrowsableAPIRenderer):
    """The page, with a table above the JSON."""

    template = "rest_framework/index.html"


ENDPOINT = {
    "type": "object",
    "properties": {
        "tag": {"type": "string", "description": "The group that it belongs to"},
        "method": {"type": "string", "examples": ["GET"]},
        "path": {"type": "string", "examples": ["/api/flights/{id}"]},
        "url": {"type": "string", "description": "What stands in braces is to be filled in"},
        "summary": {"type": "string"},
        "description": {"type": "string"},
        "who": {"enum": ["public", "staff"], "description": "staff: who has signed in"},
    },
}


class IndexView(StrictParametersMixin):
    """The way in."""

    name = "API"
    tag = TAG
    permission_classes = (PublicRead,)
    renderer_classes = (JSONRenderer, IndexRenderer)

    @extend_schema(
        operation_id="index",
        responses={
            200: {
                "type": "object",
                "properties": {
                    "schema": {"type": "string", "format": "uri"},
                    "docs": {"type": "string", "format": "uri"},
                    "endpoints": {"type": "array", "items": ENDPOINT},
                },
            }
        },
    )
    def get(self, request: Request) -> Response:
        """Every endpoint with a sentence on what it answers, and where they are described."""
        answer = {name: reverse(name, request=request) for name in ("schema", "docs")}
        endpoints = [
            entry | {"url": request.build_absolute_uri("/")[:-1] + entry["path"]}
            for entry in _endpoints(settings.ROOT_URLCONF)
        ]
        return Response(answer | {"endpoints": endpoints})


@lru_cache(maxsize=1)
def _endpoints(_urlconf: str) -> list[dict[str, str]]:
    """The operations of the schema, which don't change while a process runs, by their groups."""
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]  # type: ignore[no-untyped-call]
    entries = [
        _entry(path, method, operations[method])
        for path, operations in paths.items()
        for method in METHODS
        if method in operations
    ]
    order = [tag["name"] for tag in spectacular_settings.TAGS]
    return sorted(entries, key=lambda entry: (*order, entry["tag"]).index(entry["tag"]))


def _entry(path: str, method: str, operation: dict[str, Any]) -> dict[str, str]:
    first_paragraph = operation.get("description", "").partition("\n\n")[0]
    return {
        "tag": operation["tags"][0],
        "method": method.upper(),
        "path": path,
        "summary": operation.get("summary", ""),
        "description": " ".join(first_paragraph.replace("`", "").split()),
        "who": "public" if {} in operation["security"] else "staff",
    }
