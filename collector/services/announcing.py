"""Tells the bus what a feed brought, within the transaction that stores it.

The events of a feed carry the correlation id of its poll, and each the one that led to it:
fetched, processed, stored, and from there what happened to flights and controllers.
"""

from django.db import transaction
from msgspec import Struct

from collector import signals
from collector.buffer import BufferedFeed
from collector.identity import FlightChanges, OpenFlight
from collector.models import Poll
from collector.parsing import Feed
from collector.services.state import NetworkState
from collector.sessions import OpenSession, SessionChanges
from monitoring.events.publishing import NewEvent, publish_many
from monitoring.events.signals import EventSignal


def announce_stored(
    entry: BufferedFeed, feed: Feed, flights: FlightChanges, controllers: SessionChanges
) -> None:
    """Tell of a feed that is stored, and of everything that it changed."""
    at = entry.feed_at
    fetched = _fetched(entry)
    accepted = signals.DataProcessed(
        feed_at=at,
        outcome=Poll.Outcome.ACCEPTED,
        reason="",
        pilots=len(feed.pilots),
        controllers=len(feed.controllers),
        rejected_records=feed.rejects.counts.total(),
    )
    processed = _event(entry, signals.DATA_PROCESSED, accepted, cause=fetched)
    positions = len(flights.positions)
    stored = _event(entry, signals.DATA_STORED, signals.DataStored(at, positions), cause=processed)
    moved = signals.PositionsUpdated(at, len(feed.pilots), positions)
    happened = [
        (signals.POSITION_UPDATE, moved, ""),
        *_of_flights(entry, flights),
        *_of_controllers(controllers),
    ]
    publish_many(
        [fetched, processed, stored]
        + [_event(entry, signal, payload, name, stored) for signal, payload, name in happened]
    )


def announce_refused(entry: BufferedFeed, outcome: Poll.Outcome, reason: str) -> None:
    """Tell of a body that was fetched and can't be stored."""
    fetched = _fetched(entry)
    refused = signals.DataProcessed(entry.feed_at, outcome, reason, 0, 0, 0)
    publish_many([fetched, _event(entry, signals.DATA_PROCESSED, refused, cause=fetched)])


def announce_cached(state: NetworkState, correlation_id: str) -> None:
    """Tell that the live lists know the newest stored feed's ids; in a transaction of its own."""
    if state.feed_at is None:
        return
    cached = signals.DataCached(
        feed_at=state.feed_at,
        flights=len(state.flights.open),
        sessions=len(state.controllers.open),
    )
    with transaction.atomic():
        signals.DATA_CACHED.publish(
            cached, occurred_at=state.feed_at, correlation_id=correlation_id
        )


Happening = tuple[EventSignal, Struct, str]  # with the callsign that it is about


def _event(
    entry: BufferedFeed,
    signal: EventSignal,
    payload: Struct,
    subject: str = "",
    cause: NewEvent | None = None,
) -> NewEvent:
    return NewEvent(
        signal,
        payload,
        occurred_at=entry.feed_at,
        subject=subject,
        correlation_id=entry.correlation_id,
        cause=cause,
    )


def _fetched(entry: BufferedFeed) -> NewEvent:
    payload = signals.DataFetched(
        feed_at=entry.feed_at,
        fetched_at=entry.fetched_at,
        seconds=entry.fetch_seconds,
        bytes=len(entry.data.stored),
        has_transceivers=entry.transceivers is not None,
        transceivers_error=entry.transceivers_error,
    )
    return _event(entry, signals.DATA_FETCHED, payload)


def _of_flights(entry: BufferedFeed, changes: FlightChanges) -> list[Happening]:
    updated = signals.FlightsUpdated(
        feed_at=entry.feed_at,
        created=len(changes.opened),
        ended=len(changes.ended),
        changed=len(changes.changed),
        plans=len(changes.plans),
        missing=len(changes.left),
    )
    return [
        (signals.FLIGHT_UPDATED, updated, ""),
        *((signals.FLIGHT_CREATED, _created(flight), flight.callsign) for flight in changes.opened),
        *(
            (
                signals.FLIGHT_COMPLETED if flight.moved else signals.FLIGHT_CANCELLED,
                _ended(flight, reason),
                flight.callsign,
            )
            for flight, reason in changes.ended
        ),
    ]


def _created(flight: OpenFlight) -> signals.FlightCreated:
    plan = flight.plan
    return signals.FlightCreated(
        flight_id=flight.id,
        callsign=flight.callsign,
        departure=plan.departure if plan else "",
        arrival=plan.arrival if plan else "",
        aircraft=plan.aircraft_type if plan else "",
        flight_rules=plan.flight_rules if plan else "",
        continues_id=flight.continues_id,
    )


def _ended(flight: OpenFlight, reason: str) -> signals.FlightEnded:
    plan = flight.plan
    return signals.FlightEnded(
        flight_id=flight.id,
        callsign=flight.callsign,
        departure=plan.departure if plan else "",
        arrival=plan.arrival if plan else "",
        first_seen_at=flight.first_seen_at,
        ended_at=flight.last_seen_at,
        reason=reason,
        flown=flight.flown,
        landed=flight.landed,
    )


def _of_controllers(changes: SessionChanges) -> list[Happening]:
    came = [(signals.CONTROLLER_LOGON, session) for session in changes.opened]
    left = [(signals.CONTROLLER_LOGOFF, session) for session, _ in changes.ended]
    retuned = [
        (
            signals.FREQUENCY_CHANGE,
            signals.FrequencyChanged(
                session.id, session.callsign, old_frequency, session.frequency
            ),
            session.callsign,
        )
        for session, old_frequency in changes.retuned
    ]
    return [
        *((signal, _seen(session), session.callsign) for signal, session in came + left),
        *retuned,
    ]


def _seen(session: OpenSession) -> signals.ControllerSeen:
    return signals.ControllerSeen(
        session_id=session.id,
        callsign=session.callsign,
        frequency=session.frequency,
        facility=session.facility,
        rating=session.rating,
        status=session.status,
    )
