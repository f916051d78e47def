"""Plans that were filed before a flight."""

from django.contrib import admin
from django.db.models import Q

from collector.admin.base import CollectedAdmin, link_to
from collector.admin.filters import FlightRulesFilter, PrefileFilter
from collector.admin.labels import quantity, route
from collector.admin.searching import has_callsign, has_cid
from collector.models import Prefile


@admin.register(Prefile)
class PrefileAdmin(CollectedAdmin):
    """Prefiles, newest first; a month of them is little enough to search without an index."""

    list_display = (
        *("callsign", "cid", "airports", "aircraft_type", "rules"),
        *("first_seen_at", "last_seen_at", "became"),
    )
    list_filter = (PrefileFilter, FlightRulesFilter, "first_seen_at")
    list_select_related = ("flight",)
    ordering = ("-first_seen_at", "-id")
    search_fields = ("callsign", "cid")
    search_help_text = "The beginning of a callsign, or a CID."
    fields = (
        ("callsign", "cid", "name", "became"),
        ("first_seen_at", "last_seen_at", "last_updated"),
        ("flight_rules", "aircraft", "aircraft_faa", "aircraft_short"),
        ("departure", "arrival", "alternate"),
        ("deptime", "estimated_off_block_at"),
        ("enroute_time", "fuel_time", "cruise_tas"),
        ("altitude", "cruise_altitude", "cruise_altitude_certain"),
        "route",
        "remarks",
        ("revision_id", "assigned_transponder", "extra"),
    )

    def matching(self, word: str) -> Q:
        """Callsign or member."""
        return has_callsign(word) | has_cid(word)

    @admin.display(description="from – to")  # noqa: RUF001 - a dash
    def airports(self, prefile: Prefile) -> str:
        """The airports."""
        return route(prefile.departure, prefile.arrival)

    @admin.display(description="aircraft")
    def aircraft_type(self, prefile: Prefile) -> str:
        """The type."""
        return prefile.aircraft_short or "-"

    @admin.display(description="rules")
    def rules(self, prefile: Prefile) -> str:
        """The feed's letter."""
        return prefile.flight_rules or "-"

    @admin.display(description="flight")
    def became(self, prefile: Prefile) -> str:
        """The flight whose pilot connected with it."""
        return link_to(prefile.flight)

    @admin.display(description="read as")
    def cruise_altitude(self, prefile: Prefile) -> str:
        """The altitude that the filed text means."""
        return quantity(prefile.cruise_altitude_ft, "ft")
