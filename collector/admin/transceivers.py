"""Which frequencies were tuned."""

import re

from django.contrib import admin
from django.db.models import Q

from collector.admin.base import CollectedAdmin
from collector.admin.filters import OpenFilter
from collector.models import Tuning
from collector.tunings import CHANNEL_HZ

MHZ = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}")


@admin.register(Tuning)
class TuningAdmin(CollectedAdmin):
    """Tuned radios, newest first."""

    list_display = (
        *("callsign", "radio", "mhz", "since_at", "until_at"),
        *("latitude", "longitude", "height_msl_m", "height_agl_m"),
    )
    list_filter = (OpenFilter,)
    ordering = ("-id",)  # in which they began
    search_fields = ("callsign", "frequency")
    search_help_text = "A whole callsign, or a frequency in MHz with its point: 122.8"
    fields = (
        ("callsign", "radio", "mhz", "frequency"),
        ("since_at", "until_at"),
        ("latitude", "longitude", "height_msl_m", "height_agl_m"),
    )

    def matching(self, word: str) -> Q:
        """A callsign, whole since the index knows no beginnings, or a channel."""
        if MHZ.fullmatch(word):
            hertz = round(float(word) * 1_000_000)
            return Q(frequency__range=(hertz - CHANNEL_HZ // 2, hertz + CHANNEL_HZ // 2))
        return Q(callsign__in={word, word.upper()})

    @admin.display(description="MHz")
    def mhz(self, tuning: Tuning) -> str:
        """The frequency as pilots know it."""
        return f"{tuning.frequency / 1_000_000:.3f}"
