"""The feeds that came, what was wrong with them, and polls that brought none."""

from typing import Any

from django.contrib import admin

from collector.admin.base import CollectedAdmin, Section, newest
from collector.admin.filters import RejectedRecordsFilter
from collector.admin.labels import label_of, quantity
from collector.models import FailedPoll, Poll, Reference, UnknownKey


@admin.register(Poll)
class PollAdmin(CollectedAdmin):
    """Feeds, newest first."""

    list_display = (
        *("feed_at", "outcome", "pilots", "controllers", "atis", "positions", "rejected"),
        *("age", "body", "reason"),
    )
    list_filter = ("outcome", RejectedRecordsFilter, "feed_at")
    ordering = ("-feed_at",)
    fields = (
        ("feed_at", "fetched_at", "age", "fetch"),
        ("outcome", "reason"),
        ("body", "stored"),
        ("has_transceivers", "transceivers_error"),
        ("connected_clients", "unique_users"),
        ("pilots", "controllers", "observers", "atis", "prefiles"),
        ("positions", "rejected"),
    )

    @admin.display(description="age")
    def age(self, poll: Poll) -> str:
        """How old the feed was when it came; recorded feeds are older than that says."""
        return quantity((poll.fetched_at - poll.feed_at).total_seconds(), "s", 1)

    @admin.display(description="fetch took")
    def fetch(self, poll: Poll) -> str:
        """The time from the question to the last byte."""
        return quantity(poll.fetch_seconds, "s", 2)

    @admin.display(description="size")
    def body(self, poll: Poll) -> str:
        """The unpacked body's."""
        return quantity(poll.body_bytes / 1000, "kB")

    @admin.display(description="size in the buffer")
    def stored(self, poll: Poll) -> str:
        """The body's, compressed."""
        return quantity(poll.stored_bytes / 1000, "kB")

    def about(self, row: Poll) -> dict[str, Any]:
        """Rejected records and servers."""
        return {"sections": [_reasons(row), _records(row), _servers(row)]}


def _reasons(poll: Poll) -> Section:
    by_number = sorted(poll.rejected_by_reason.items(), key=lambda item: item[1], reverse=True)
    return Section("Rejected records, by reason", ("Reason", "Records"), by_number)


def _records(poll: Poll) -> Section:
    """The last few, each with the start of its JSON."""
    records = newest(poll.rejected_records.all(), "pk")
    rows = [(record.kind, record.reason, record.record) for record in records]
    return Section("Rejected records", ("List", "Reason", "Record"), rows)


def _servers(poll: Poll) -> Section:
    names = ("ident", "name", "location", "clients")
    rows = [[server.get(name, "") for name in names] for server in poll.servers]
    return Section("Servers", [label_of(name) for name in names], rows)


@admin.register(FailedPoll)
class FailedPollAdmin(CollectedAdmin):
    """Polls that brought no new feed, newest first."""

    list_display = ("at", "reason", "message")
    list_filter = ("at",)
    ordering = ("-at",)
    fields = ("at", "reason", "message", "entry_id")


@admin.register(UnknownKey)
class UnknownKeyAdmin(CollectedAdmin):
    """Keys of the feed that nobody knew, newest first."""

    list_display = ("key", "first_seen_at")
    ordering = ("-first_seen_at", "key")
    note = "Their values are kept with each record, under extra."


@admin.register(Reference)
class ReferenceAdmin(CollectedAdmin):
    """The feed's own names of ratings and facilities."""

    list_display = ("name", "feed_at")
    ordering = ("name",)
    fields = ("name", "feed_at")

    def about(self, row: Reference) -> dict[str, Any]:
        """Each entry as the feed has it."""
        columns = sorted({key for entry in row.entries for key in entry})
        rows = [[entry.get(column, "") for column in columns] for entry in row.entries]
        return {"sections": [Section("Entries", columns, rows)]}
