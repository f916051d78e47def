"""Who may: one class for each kind of cell in the table of endpoints."""

from django.views import View
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from monitoring import runtime
from monitoring.roles import Role, role_of


class DenyAll(BasePermission):
    """Nobody: the default, so that a view that names no permission is closed."""

    def has_permission(self, request: Request, view: View) -> bool:
        """Never."""
        return False


class AtLeast(BasePermission):
    """Signed-in people of `role` or a higher one."""

    role: Role

    def has_permission(self, request: Request, view: View) -> bool:
        """Whether the reader's role suffices."""
        return role_of(request.user) >= self.role


class Staff(AtLeast):
    """Any active member of the three groups, and superusers."""

    role = Role.VIEWER


class Operator(AtLeast):
    """Who acknowledges, resolves, silences, retries, discards, replays and resets."""

    role = Role.OPERATOR


class Administrator(AtLeast):
    """Who manages users and settings, publishes and optimises."""

    role = Role.ADMINISTRATOR


class PublicRead(BasePermission):
    """Anybody reads while the setting PUBLIC_API is on; staff read always; nobody writes."""

    def has_permission(self, request: Request, view: View) -> bool:
        """Whether this reader may read now."""
        if request.method not in SAFE_METHODS:
            return False
        return runtime.current().public_api or role_of(request.user) >= Role.VIEWER
