"""Events and their deliveries in the admin."""

import json
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from monitoring.admin.bounded import MOST_LISTED, RecordAdmin
from monitoring.events import dead_letters
from monitoring.events.replaying import ReplayRefused, Selection, replay
from monitoring.events.signals import EventSignal
from monitoring.models import Delivery, Event

PERMISSION = "monitoring.operate_delivery"
MOST_CONSEQUENCES = 20  # shown of an event
Choices = list[tuple[str, str]]


class OperatedAdmin(RecordAdmin):
    """Rows that operators decide on; each action leaves an entry in the admin's log."""

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether the reader may replay, retry and discard."""
        return request.user.has_perm(PERMISSION)

    def note(self, request: HttpRequest, text: str) -> None:
        """Keep what was done, and say so."""
        LogEntry.objects.create(
            user=_person(request),
            content_type=ContentType.objects.get_for_model(self.model),
            object_repr=text,
            action_flag=CHANGE,
            change_message=text,
        )
        messages.success(request, text)


class TypeFilter(admin.SimpleListFilter):
    """Types as they are declared; the table is not asked which it has."""

    title = parameter_name = "type"
    field = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """Every declared type."""
        return [(name, name) for name in sorted(EventSignal.types)]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """Rows of the chosen type."""
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class EventTypeFilter(TypeFilter):
    """The same for deliveries."""

    field = "event__type"


class DeliveryInline(admin.TabularInline):  # type: ignore[type-arg]
    """What became of an event at each handler."""

    model = Delivery
    fields = readonly_fields = (
        "handler",
        "status",
        "attempts",
        "due_at",
        "finished_at",
        "seconds",
        "replay",
        "error",
    )
    can_delete = False
    ordering = ("-id",)
    show_change_link = True
    max_num = 0

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Delivery]":
        """With their replays."""
        return super().get_queryset(request).select_related("replay")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may see the event."""
        return request.user.has_perm("monitoring.view_delivery")


@admin.register(Event)
class EventAdmin(OperatedAdmin):
    """The history: what happened, why, and what it led to."""

    actions = ("replay",)
    inlines = (DeliveryInline,)
    list_display = ("id", "type", "subject", "service", "occurred_at", "recorded_at", "correlation")
    list_filter = (TypeFilter,)
    ordering = ("-id",)
    search_fields = ("correlation_id",)
    search_help_text = "Number of an event, or a correlation id"
    fields = readonly_fields = (
        "type",
        "version",
        "service",
        "subject",
        "occurred_at",
        "recorded_at",
        "readable_payload",
        "correlation",
        "cause",
        "consequences",
    )

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> "tuple[QuerySet[Any], bool]":
        """What an index finds."""
        for word in search_term.split():
            is_id = word.isascii() and word.isdigit() and len(word) < 19
            queryset = (
                queryset.filter(pk=int(word)) if is_id else queryset.filter(correlation_id=word)
            )
        return queryset, False

    @admin.display(description="payload")
    def readable_payload(self, event: Event) -> SafeString:
        """The payload, a line for each value."""
        text = json.dumps(event.payload, indent=2, ensure_ascii=False)
        return format_html("<pre>{}</pre>", text)

    @admin.display(description="correlation")
    def correlation(self, event: Event) -> str:
        """A link to everything of the same request or task."""
        if not event.correlation_id:
            return "-"
        address = f"{_address(Event)}?{urlencode({'q': event.correlation_id})}"
        return format_html('<a href="{}">{}</a>', address, event.correlation_id)

    @admin.display(description="caused by")
    def cause(self, event: Event) -> str:
        """A link to the event that led to this one, which may be gone."""
        found = event.causation_id and Event.objects.filter(pk=event.causation_id).first()
        return _link(found) if found else str(event.causation_id or "-")

    @admin.display(description="led to")
    def consequences(self, event: Event) -> str:
        """Links to the events that this one led to, within its correlation."""
        if not event.correlation_id:
            return "-"
        related = Event.objects.filter(correlation_id=event.correlation_id)
        found = related.filter(causation_id=event.pk).order_by("id")[:MOST_CONSEQUENCES]
        return format_html_join(", ", "{}", ((_link(each),) for each in found)) or "-"

    @admin.action(description="Deliver again, to all handlers", permissions=["operate"])
    def replay(self, request: HttpRequest, events: "QuerySet[Event]") -> None:
        """Make a replay of the selected events."""
        ids = list(events.order_by().values_list("id", flat=True)[: MOST_LISTED + 1])
        if len(ids) > MOST_LISTED:
            messages.error(request, f"At most {MOST_LISTED} events at once; the API takes ranges.")
            return
        try:
            made, _ = replay(Selection(ids=ids), _person(request))
        except ReplayRefused as error:
            messages.error(request, str(error))
            return
        self.note(request, f"{made}, of {len(ids)} events.")


class DeadFirstFilter(admin.SimpleListFilter):
    """Dead letters, unless another status is chosen."""

    title = parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """The other statuses."""
        others = [(value, label) for value, label in Delivery.Status.choices if value != "dead"]
        return [*others, ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        """With "dead" for what is shown when none is chosen."""
        first, *others = super().choices(changelist)
        return [{**first, "display": "Dead letters"}, *others]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """Rows of the chosen status."""
        status = self.value() or Delivery.Status.DEAD
        return queryset if status == "all" else queryset.filter(status=status)


@admin.register(Delivery)
class DeliveryAdmin(OperatedAdmin):
    """Dead letters first: they wait for a person."""

    actions = ("retry", "discard")
    list_display = ("id", "handler", "event", "status", "attempts", "finished_at", "error_start")
    list_filter = (DeadFirstFilter, EventTypeFilter)
    list_select_related = ("event",)
    ordering = ("-id",)
    search_fields = ("handler",)
    search_help_text = "Name of a handler"
    fields = readonly_fields = (
        "event_link",
        "handler",
        "replay",
        "status",
        "attempts",
        "due_at",
        "claimed_until",
        "finished_at",
        "seconds",
        "error",
        "decided_at",
        "decided_by",
    )

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> "tuple[QuerySet[Any], bool]":
        """Deliveries to one handler."""
        return queryset.filter(handler=search_term) if search_term else queryset, False

    @admin.display(description="error")
    def error_start(self, delivery: Delivery) -> str:
        """As much as a line holds."""
        return delivery.error[:100]

    @admin.display(description="event")
    def event_link(self, delivery: Delivery) -> str:
        """A link to the event."""
        return _link(delivery.event)

    @admin.action(description="Retry the selected dead letters", permissions=["operate"])
    def retry(self, request: HttpRequest, deliveries: "QuerySet[Delivery]") -> None:
        """Have them delivered again."""
        count = dead_letters.retry_all(_plain(deliveries), _person(request))
        self.note(request, f"{count} dead letters are delivered again.")

    @admin.action(description="Discard the selected dead letters", permissions=["operate"])
    def discard(self, request: HttpRequest, deliveries: "QuerySet[Delivery]") -> None:
        """Have them never delivered."""
        count = dead_letters.discard_all(_plain(deliveries), _person(request))
        self.note(request, f"{count} dead letters are discarded.")


def _person(request: HttpRequest) -> User:
    return cast("User", request.user)  # the admin lets nobody else in


def _plain(rows: "QuerySet[Delivery]") -> "QuerySet[Delivery]":
    """Without joins and order, which an update can't have."""
    return Delivery.objects.filter(pk__in=rows.order_by().values("pk"))


def _address(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist")


def _link(event: Event) -> SafeString:
    address = reverse("admin:monitoring_event_change", args=[event.pk])
    return format_html('<a href="{}">{} {}</a>', address, event.pk, event)
