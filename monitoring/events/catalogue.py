"""Writes docs/events.md: every event type, what it carries, who publishes and who handles it."""

import ast
import inspect
import types
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import msgspec

from monitoring.events.envelope import TYPES
from monitoring.events.signals import EventSignal

INTRODUCTION = f"""# Events

What happens is told by events. Whoever states a fact publishes its event in the same transaction;
each handler gets it afterwards, by itself. docs/operations.md says how they are delivered, repeated
and given up.

This page is written by `manage.py describe_events`; a test compares the two.

Every event has `id`, `type`, `version`, `service` (the app that states the fact), `subject` (what
it is about), `occurred_at` (the time of the fact: the feed's clock where a feed brought it),
`recorded_at` (wall clock), `payload`, `correlation_id` (the same for all that one request or task
led to) and `causation_id` (the event that led to this one).

Outside, an event is a [CloudEvent](https://cloudevents.io) of the type
`{TYPES}.<type in lower case>.v<version>`, with the payload as `data` and the extensions
`correlationid`, `causationid` and, when it is delivered again on request, `replayid`. A webhook
subscription can hear of any type.

A payload gains fields without notice. A field that goes or changes its meaning makes a new version.
"""


def catalogue() -> str:
    """The whole page, in Markdown."""
    signals = [EventSignal.types[name] for name in sorted(EventSignal.types)]
    services = sorted({signal.service for signal in signals})
    sections = [
        f"## {service}\n\n" + "\n".join(_about(each) for each in signals if each.service == service)
        for service in services
    ]
    return "\n".join([INTRODUCTION, *sections])


def publishers_of(signal: EventSignal) -> list[str]:
    """The modules of its app that use a signal otherwise than to hear of it."""
    app = import_module(signal.service)
    root = Path(inspect.getfile(app)).parent
    paths = (path for path in sorted(root.rglob("*.py")) if path != root / "signals.py")
    return [
        ".".join((signal.service, *path.relative_to(root).with_suffix("").parts))
        for path in paths
        if signal.name in _uses(ast.parse(path.read_text()))
    ]


def _about(signal: EventSignal) -> str:
    struct = signal.payload.struct
    rows = [f"| `{field.name}` | {_type(field.type)} |" for field in msgspec.structs.fields(struct)]
    handlers = ", ".join(f"`{name}`" for name in signal.handlers) or "none of the system's own"
    publishers = ", ".join(f"`{name}`" for name in publishers_of(signal)) or "nobody yet"
    lines = [
        f"### {signal.name}, version {signal.version}",
        "",
        inspect.getdoc(struct) or "",
        "",
        f"Published by {publishers}. Handled by {handlers}.",
        "",
        "| payload | |",
        "|---|---|",
        *rows,
        "",
    ]
    return "\n".join(lines)


def _type(kind: Any) -> str:
    """A type in words."""
    if get_origin(kind) in (types.UnionType, Union):
        return " or ".join(_type(each) for each in get_args(kind))
    if get_origin(kind) is dict:
        return "values by name: " + _type(get_args(kind)[1])
    if get_origin(kind) in (list, tuple):
        return "list of " + _type(get_args(kind)[0])
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one of " + ", ".join(f"`{each.value}`" for each in kind)
    return _WORDS.get(kind, getattr(kind, "__name__", str(kind)))


_WORDS = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "true or false",
    datetime: "time",
    type(None): "null",
}


def _uses(tree: ast.AST) -> set[str]:
    """Names in a module, but for those in calls of `connect` and `receiver`, and imports."""
    nodes = list(_walk(tree))
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {
        node.attr for node in nodes if isinstance(node, ast.Attribute)
    }


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if not _is_listening(child):
            yield from _walk(child)


def _is_listening(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in {"connect", "receiver"}
