"""Which frequencies were tuned."""

import re

from django.contrib import admin
from django.db.models import Q

from collector.admin.base import CollectedAdmin
from collector.admin.filters import OpenFilter
from collector.admin.labels import place, quantity
from collector.models import Tuning
from collector.tunings import CHANNEL_HZ

MHZ = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}")


@admin.register(Tuning)
class TuningAdmin(CollectedAdmin):
    """Tuned radios, newest first."""

    list_display = ("callsign", "mhz", "since_at", "until_at", "antenna", "msl", "agl")
    list_filter = (OpenFilter,)
    ordering = ("-id",)  # in which they began
    search_fields = ("callsign", "frequency")
    search_help_text = "A whole callsign, or a frequency in MHz with its point: 122.8"
    fields = (
        ("callsign", "radio", "mhz", "hertz"),
        ("since_at", "until_at"),
        ("antenna", "msl", "agl"),
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

    @admin.display(description="as the client sent it")
    def hertz(self, tuning: Tuning) -> str:
        """The frequency with the noise of the client."""
        return quantity(tuning.frequency, "Hz")

    @admin.display(description="antenna")
    def antenna(self, tuning: Tuning) -> str:
        """Where it stood when the tuning began."""
        return place(tuning.latitude, tuning.longitude)

    @admin.display(description="height MSL")
    def msl(self, tuning: Tuning) -> str:
        """Above the sea."""
        return quantity(tuning.height_msl_m, "m")

    @admin.display(description="height AGL")
    def agl(self, tuning: Tuning) -> str:
        """Above the ground."""
        return quantity(tuning.height_agl_m, "m")
