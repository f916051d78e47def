"""Rows of history as the API gives them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from collector.api.schema import schema_of
from collector.live import Named
from collector.models import ControllerSession, Flight, FlightPlan, Prefile, Presence
from collector.models.base import PlanFields
from collector.privacy import pseudonym

PLAN_FIELDS = [field.name for field in PlanFields._meta.fields if field.name != "extra"]
CONNECTION_FIELDS = (
    "id", "cid", "name", "callsign", "server", "pilot_rating", "military_rating", "transponder",
    "logon_time",
)  # fmt: skip
SUMMARY_FIELDS = (
    "status", "departure", "arrival", "aircraft_short", "flight_rules", "diverted_from",
    "first_seen_at", "last_seen_at", "ended_at", "end_reason", "moved", "flown", "landed",
    "continues",
)  # fmt: skip


class MemberSerializer(serializers.ModelSerializer[Any]):
    """A row of a member, whom a reader without `sees_members` in the context must not know."""

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """The row, with a pseudonym in place of the CID, and without name."""
        row: dict[str, Any] = super().to_representation(instance)
        if not self.context["sees_members"]:
            row |= {"cid": pseudonym(instance.cid), "name": None}
        return row


class PlanSerializer(serializers.ModelSerializer[FlightPlan]):
    """One revision: the feed's strings, and below them what they were read as."""

    class Meta:
        model = FlightPlan
        fields = ("feed_at", *PLAN_FIELDS)


class PresenceSerializer(serializers.ModelSerializer[Presence]):
    """An uninterrupted run of feeds that had the flight; until null while it goes on."""

    class Meta:
        model = Presence
        fields = ("logon_time", "transponder", "since_at", "until_at")


class PrefileSerializer(serializers.ModelSerializer[Prefile]):
    """The plan with which the pilot connected."""

    class Meta:
        model = Prefile
        fields = ("last_updated", "first_seen_at", "last_seen_at", *PLAN_FIELDS)


class FlightSerializer(MemberSerializer):
    """A flight without what belongs to it."""

    status = serializers.ChoiceField(choices=["active", "unseen", "ended"], read_only=True)

    class Meta:
        model = Flight
        fields: tuple[str, ...] = (*CONNECTION_FIELDS, *SUMMARY_FIELDS)


class FlightDetailSerializer(FlightSerializer):
    """A flight with its newest position, and its plan revisions and presences in time order.

    The view puts the position beside the row's own columns, as `place`.
    """

    latitude = serializers.FloatField(source="place.latitude", allow_null=True)
    longitude = serializers.FloatField(source="place.longitude", allow_null=True)
    altitude = serializers.IntegerField(source="place.altitude", allow_null=True)
    groundspeed = serializers.IntegerField(source="place.groundspeed", allow_null=True)
    heading = serializers.IntegerField(source="place.heading", allow_null=True)
    qnh_i_hg = serializers.FloatField(source="place.qnh_i_hg", allow_null=True)
    last_updated = serializers.DateTimeField(source="place.last_updated", allow_null=True)

    flight_plan = PlanSerializer(source="plan", allow_null=True)
    plans = PlanSerializer(many=True)
    presences = PresenceSerializer(many=True)
    prefile = serializers.SerializerMethodField()
    continued_by = serializers.PrimaryKeyRelatedField[Flight](many=True, read_only=True)

    class Meta(FlightSerializer.Meta):
        fields = (
            *FlightSerializer.Meta.fields,
            *("latitude", "longitude", "altitude", "groundspeed", "heading", "qnh_i_hg"),
            *("last_updated", "flight_plan", "plans", "presences", "prefile", "continued_by"),
        )

    @extend_schema_field(PrefileSerializer(allow_null=True))
    def get_prefile(self, flight: Flight) -> dict[str, Any] | None:
        """The last one that was bound to the flight."""
        prefiles = list(flight.prefiles.all())
        return PrefileSerializer(prefiles[-1]).data if prefiles else None


class SessionSerializer(MemberSerializer):
    """A session with what it looked like last."""

    facility = serializers.SerializerMethodField()
    rating = serializers.SerializerMethodField()
    duration_seconds = serializers.SerializerMethodField()

    class Meta:
        model = ControllerSession
        fields = (
            "id", "cid", "name", "callsign", "facility", "frequency", "rating", "server",
            "visual_range", "text_atis", "atis_code", "logon_time", "status", "first_seen_at",
            "active_at", "last_seen_at", "ended_at", "end_reason", "duration_seconds",
        )  # fmt: skip

    @extend_schema_field(schema_of(Named))
    def get_facility(self, session: ControllerSession) -> dict[str, Any]:
        """Number and short name."""
        return _named(session.facility, self.context["facilities"])

    @extend_schema_field(schema_of(Named))
    def get_rating(self, session: ControllerSession) -> dict[str, Any]:
        """Number and short name."""
        return _named(session.rating, self.context["ratings"])

    def get_duration_seconds(self, session: ControllerSession) -> float | None:
        """From the first to the last feed that had it; null while it goes on."""
        if session.ended_at is None:
            return None
        return (session.ended_at - session.first_seen_at).total_seconds()


def _named(number: int, short_names: dict[int, str]) -> dict[str, Any]:
    return {"id": number, "short": short_names.get(number)}
