"""What this database is for, and whom it must not know."""

from django.contrib import admin

from collector.admin.base import CollectedAdmin
from collector.models import ErasedMember, Source


@admin.register(Source)
class SourceAdmin(CollectedAdmin):
    """Where the feeds come from."""

    list_display = ("kind", "decided_at", "erasures")
    fields = ("kind", "decided_at", "erasures")
    note = "Decided at the first start; live, simulated and recorded data never share a database."


@admin.register(ErasedMember)
class ErasedMemberAdmin(CollectedAdmin):
    """Members who asked to be forgotten, by pseudonym."""

    list_display = ("pseudonym", "erased_at")
    ordering = ("-erased_at",)
    fields = ("pseudonym", "erased_at")
    note = "A member is erased on the server: manage.py erase_member CID"
