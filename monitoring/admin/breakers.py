"""Circuit breakers in the admin: how they are now, a button for each, and what they did."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from monitoring.admin.bounded import RecordAdmin
from monitoring.errors import round_trips
from monitoring.errors.breakers import breaker_states, reset
from monitoring.models import BreakerTransition

LIST = "admin:monitoring_breakertransition_changelist"
PERMISSION = "monitoring.operate_breakertransition"


@admin.register(BreakerTransition)
class BreakerTransitionAdmin(RecordAdmin):
    """The breakers, and below them every change of their states, newest first."""

    actions = None
    change_list_template = "admin/monitoring/breakertransition/change_list.html"
    fields = list_display = ("at", "name", "from_state", "to_state", "reason", "by")
    list_filter = ("to_state", "at")
    list_select_related = ("by",)
    ordering = ("-at", "-id")
    search_fields = ("name",)

    def get_urls(self) -> list[URLPattern]:
        """The button's address beside the usual ones."""
        reset_view = self.admin_site.admin_view(require_POST(self.reset_view))
        own = path("reset/<path:name>", reset_view, name="monitoring_breaker_reset")
        return [own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The breakers above the list."""
        about = {
            "breakers": breaker_states(),
            "round_trips": round_trips.measure(),
            "may_reset": request.user.has_perm(PERMISSION),
        }
        return super().changelist_view(request, about | (extra_context or {}))

    def reset_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """Close a breaker, and go back to the list."""
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        try:
            reset(name, request.user)
        except LookupError as error:
            raise Http404(str(error)) from error
        messages.success(request, f"The breaker {name} is closed.")
        return HttpResponseRedirect(reverse(LIST))
