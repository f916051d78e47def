"""What is collected."""

from collector.models.controllers import AtisSession, ControllerSession, SessionPeriod
from collector.models.feeds import FailedPoll, Poll, Reference, RejectedRecord, UnknownKey
from collector.models.flights import Flight, FlightPlan, Prefile, Presence
from collector.models.installation import ErasedMember, Source
from collector.models.positions import Position
from collector.models.transceivers import Tuning

__all__ = [
    "AtisSession",
    "ControllerSession",
    "ErasedMember",
    "FailedPoll",
    "Flight",
    "FlightPlan",
    "Poll",
    "Position",
    "Prefile",
    "Presence",
    "Reference",
    "RejectedRecord",
    "SessionPeriod",
    "Source",
    "Tuning",
    "UnknownKey",
]
