"""Tokens and the operator's settings in the admin."""

from typing import Any

from constance.admin import Config, ConstanceAdmin, ConstanceForm
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from monitoring.models import ApiToken


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # generic in the stubs only
    """Tokens are made here, shown once, and revoked; nothing else about one ever changes."""

    fields = ("name", "user", "expires_at")
    readonly_facts = ("prefix", "created_at", "revoked_at", "last_used_on")
    list_display = ("name", "user", "prefix", "expires_at", "last_used_on", "is_usable")
    list_filter = ("revoked_at", "expires_at")
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username")
    autocomplete_fields = ("user",)
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        """What the form shows."""
        return self.fields + self.readonly_facts if obj else self.fields

    def get_readonly_fields(
        self, request: HttpRequest, obj: ApiToken | None = None
    ) -> tuple[str, ...]:
        """Everything, once the token exists."""
        return self.fields + self.readonly_facts if obj else ()

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        """Give a new token its secret, which lives as long as this request."""
        if not change:
            obj.secret = obj.renew_secret()  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the secret in this very answer: a redirect would have to store it in a cookie."""
        context = self.admin_site.each_context(request) | {
            "title": "The new token",
            "opts": self.opts,
            "token": obj,
        }
        return TemplateResponse(request, "admin/monitoring/apitoken/made.html", context)

    @admin.display(boolean=True, description="usable")
    def is_usable(self, token: ApiToken) -> bool:
        """Whether one can sign in with it now."""
        return token.revoked_at is None and token.expires_at > timezone.now()

    @admin.action(description="Revoke the selected tokens", permissions=["change"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        """End the selected tokens now."""
        for token in tokens:
            token.revoke()
            self.log_change(request, token, "Revoked.")
        messages.success(request, f"{len(tokens)} tokens can't be used any more.")


class OperationsForm(ConstanceForm):  # type: ignore[misc] # constance has no types
    """The operator's settings, checked against each other too."""

    def clean(self) -> dict[str, Any]:
        """Refuse thresholds of the feed's age that don't rise."""
        values: dict[str, Any] = super().clean()
        names = ("FEED_WARN_SECONDS", "FEED_STALE_SECONDS", "FEED_OUTAGE_SECONDS")
        ages = [values[name] for name in names if name in values]
        if sorted(set(ages)) != ages:
            self.add_error(names[-1], "A feed must be warned of, then stale, then an outage.")
        return values


class OperationsAdmin(ConstanceAdmin):  # type: ignore[misc]
    """Who has the permission `change_config` changes them: the administrators."""

    change_list_form = OperationsForm

    def get_config_value(
        self, name: str, options: tuple[Any, ...], form: OperationsForm, initial: dict[str, Any]
    ) -> dict[str, Any]:
        """What the page shows of a setting; the kinds of numbers are named after their units."""
        kind = options[2]
        unit = kind if isinstance(kind, str) else ""
        value: dict[str, Any] = super().get_config_value(name, options, form, initial)
        return value | {"unit": unit}


Config._meta.verbose_name_plural = "live settings"
admin.site.unregister([Config])
admin.site.register([Config], OperationsAdmin)
