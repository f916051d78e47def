"""Subscriptions of addresses outside to events: made, tested and ended here."""

import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from monitoring.events import webhooks
from monitoring.events.signals import EventSignal
from monitoring.models import Delivery, WebhookSubscription
from monitoring.outgoing import OutgoingError, Refused, hostname, parse

PERMISSION = "monitoring.operate_webhooksubscription"
PAGE = "admin:monitoring_webhooksubscription_change"
SHOWN_DELIVERIES = 20
SEARCHED_DELIVERIES = 50_000  # among the newest of all: no index leads from a handler to the rest


class WebhookForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    """Where to, and of what; the secret is made, not chosen."""

    url = forms.URLField(max_length=500, assume_scheme="https")
    types = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None: every type, those of later releases too.",
    )

    class Meta:  # noqa: D106
        model = WebhookSubscription
        fields = ("name", "url", "types", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "types" in self.fields:  # who may only look at it gets no fields
            known = {*EventSignal.types, *(self.instance.types or [])}
            self.fields["types"].choices = [(name, name) for name in sorted(known)]  # type: ignore[attr-defined]

    def clean_url(self) -> str:
        """An address that webhooks may go to."""
        url: str = self.cleaned_data["url"]
        try:
            if parse(url).auth:
                raise forms.ValidationError("A name or password in the address would not be sent.")
            webhooks.require_reachable(url)
        except Refused as error:
            raise forms.ValidationError(
                f"No webhook may go there ({error}). WEBHOOK_ALLOWED_HOSTS names exceptions."
            ) from error
        return url


@admin.register(WebhookSubscription)
class WebhookAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # generic in the stubs only
    """The secret of a subscription is shown once, when it is made; a lost one is replaced."""

    actions = None
    change_form_template = "admin/monitoring/webhooksubscription/change_form.html"
    form = WebhookForm
    list_display = ("name", "host", "subscribed", "is_active", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name",)
    ordering = ("name",)

    # --- Who may --------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Operators subscribe addresses."""
        return request.user.has_perm(PERMISSION)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """And change them."""
        return request.user.has_perm(PERMISSION)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """And end them."""
        return request.user.has_perm(PERMISSION)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only what the filters ask for: by any other field a reader could guess the secret."""
        return lookup.partition("__")[0] in self.list_filter

    def get_fields(
        self, request: HttpRequest, obj: WebhookSubscription | None = None
    ) -> tuple[str, ...]:
        """Who only reads sees the host alone: addresses of some services are secret themselves."""
        where = "url" if self.has_change_permission(request) else "host"
        return ("name", where, "types", "is_active")

    # --- What is shown --------------------------------------------------------------------------

    @admin.display(description="host")
    def host(self, subscription: WebhookSubscription) -> str:
        """Where it goes."""
        return hostname(subscription.url)

    @admin.display(description="types")
    def subscribed(self, subscription: WebhookSubscription) -> str:
        """Of what it is told."""
        return ", ".join(subscription.types) or "all"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """The form, with the last deliveries."""
        if subscription := context.get("original"):
            context["deliveries"] = last_deliveries(subscription)
            context["may_operate"] = self.has_change_permission(request)
        return super().render_change_form(request, context, *args, **options)

    # --- What is done ---------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """The buttons' addresses beside the usual ones."""
        buttons = {"test": self.test_view, "renew": self.renew_view}
        own = [
            path(
                f"<path:object_id>/{name}",
                self.admin_site.admin_view(require_POST(view)),
                name=f"monitoring_webhook_{name}",
            )
            for name, view in buttons.items()
        ]
        return [*own, *super().get_urls()]

    def save_model(
        self, request: HttpRequest, obj: WebhookSubscription, form: Any, change: bool
    ) -> None:
        """Give a new subscription its secret."""
        if not change:
            obj.secret = webhooks.new_secret()
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: WebhookSubscription, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the secret in this very answer: a redirect would have to store it in a cookie."""
        return self._show_secret(request, obj)

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send a test event, and say what came of it."""
        subscription = self._subscription(request, object_id)
        try:
            answer = webhooks.send_test(subscription, f"test-{uuid.uuid4().hex}")
        except OutgoingError as error:
            messages.error(request, f"The test event did not arrive: {error}")
        else:
            took = f"{answer.seconds:.2f} s"
            messages.success(request, f"The test event arrived: {answer.status} after {took}.")
        return HttpResponseRedirect(reverse(PAGE, args=[subscription.pk]))

    def renew_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Replace the secret, and show the new one."""
        subscription = self._subscription(request, object_id)
        subscription.secret = webhooks.new_secret()
        subscription.save(update_fields=["secret"])
        self.log_change(request, subscription, "A new secret.")
        return self._show_secret(request, subscription)

    def _subscription(self, request: HttpRequest, object_id: str) -> WebhookSubscription:
        if not self.has_change_permission(request):
            raise PermissionDenied
        subscription: WebhookSubscription | None = self.get_object(request, unquote(object_id))
        if subscription is None:
            raise Http404
        return subscription

    def _show_secret(self, request: HttpRequest, subscription: WebhookSubscription) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": "The secret of the webhook",
            "opts": self.opts,
            "subscription": subscription,
        }
        template = "admin/monitoring/webhooksubscription/made.html"
        return TemplateResponse(request, template, context)


def last_deliveries(subscription: WebhookSubscription) -> list[Delivery]:
    """The newest deliveries to a subscription, as far as they are among the newest of all."""
    newest = Delivery.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    found = Delivery.objects.filter(
        pk__gt=newest - SEARCHED_DELIVERIES, handler=webhooks.handler_name(subscription.pk)
    )
    return list(found.select_related("event").order_by("-pk")[:SHOWN_DELIVERIES])
