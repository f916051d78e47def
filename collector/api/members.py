"""What a reader may know of members: staff their names and CIDs, everybody else pseudonyms."""

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from collector.services.aliases import member_of
from collector.snapshots import Audience
from monitoring import runtime
from monitoring.roles import Role, role_of


def audience_of(request: Request) -> Audience:
    """Whose rendering this reader gets."""
    return "staff" if role_of(request.user) >= Role.VIEWER else "public"


def sees_members(request: Request) -> bool:
    """Whether names and CIDs may be shown to this reader."""
    return audience_of(request) == "staff" or runtime.current().public_names


def check_cid(request: Request, cid: int) -> int:
    """The value of a `cid` parameter: a pseudonym where the reader must not know members."""
    if cid > 0 and not sees_members(request):
        reason = "Must be a pseudonym, a negative number as these answers show it."
        raise ValidationError({"cid": [reason]})
    return cid


def stored_cids(request: Request, cid: int) -> list[int]:
    """The CIDs in PostgreSQL that a `cid` parameter means.

    A pseudonym stands for its member, and for itself where the member was erased.
    """
    known = member_of(cid) if check_cid(request, cid) < 0 else None
    return [cid] if known is None else [cid, known]
