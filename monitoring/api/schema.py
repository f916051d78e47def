"""What drf-spectacular can't find out by itself."""

from typing import Any

import msgspec
from drf_spectacular import openapi
from drf_spectacular.extensions import OpenApiAuthenticationExtension

from monitoring.api.permissions import PublicRead

ERROR_SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "correlation_id"],
            "properties": {
                "code": {"type": "string", "examples": ["not_found"]},
                "message": {"type": "string"},
                "details": {
                    "type": "object",
                    "description": "For a 400 the names of the parameters and what is wrong.",
                },
                "correlation_id": {"type": "string"},
            },
        }
    },
}
ERROR_RESPONSE = {
    "description": "Every refusal and failure",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
METHODS = ("get", "post", "put", "patch", "delete")


class AutoSchema(openapi.AutoSchema):
    """Knows which of our operations need no sign-in, and what they are called."""

    def get_summary(self) -> str | None:
        """The view's title."""
        return getattr(self.view, "name", None)

    def get_tags(self) -> list[str]:
        """The group that the view names; for others the first part of the path."""
        tag = getattr(self.view, "tag", None)
        return [tag] if tag else super().get_tags()

    def get_auth(self) -> list[dict[str, Any]]:
        """The ways to sign in, an empty one for public operations."""
        public = any(isinstance(rule, PublicRead) for rule in self.view.get_permissions())
        ways: list[dict[str, Any]] = super().get_auth()
        return [*ways, {}] if public else ways


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """`Authorization: Bearer …` in the schema."""

    target_class = "monitoring.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: openapi.AutoSchema) -> dict[str, Any]:
        """The scheme's description."""
        return {"type": "http", "scheme": "bearer"}


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON schema of a type that msgspec encodes, without references."""
    (schema,), components = msgspec.json.schema_components([kind], ref_template="{name}")
    inlined: dict[str, Any] = _inline(schema, components)
    return inlined


def _inline(node: Any, components: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inline(item, components) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inline(components[node["$ref"]], components)
    return {key: _inline(value, components) for key, value in node.items()}


def describe_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Give every operation the one shape of errors (a hook of drf-spectacular)."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = ERROR_SCHEMA
    for path in result["paths"].values():
        for method in METHODS:
            if method in path:
                path[method]["responses"].setdefault("default", ERROR_RESPONSE)
    return result
