"""How the arguments of a failed task are kept, and known again."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import msgspec

from monitoring.errors.installation import scrubber

MOST_BYTES = 16_384  # of all arguments, as JSON


class KeptCall(TypedDict):
    """Arguments fit to be stored, and the digest of the task with those that it had."""

    args: list[Any]
    kwargs: dict[str, Any]
    signature: str


def kept(task: str, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None) -> KeptCall:
    """The arguments without secrets, and bounded; only whole ones can be sent again."""
    positional, named = list(args or ()), dict(kwargs or {})
    call = scrubber().context({"args": positional, "kwargs": named}, MOST_BYTES)
    return KeptCall(
        args=call.get("args") or [],
        kwargs=call.get("kwargs") or {},
        signature=signature_of(task, positional, named),
    )


def signature_of(task: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """The digest of a task with its arguments, by which its failures are known as the same."""
    call = msgspec.json.encode([task, args, kwargs], order="deterministic", enc_hook=repr)
    return hashlib.sha256(call).hexdigest()
