from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from collector.identity import UNOBSERVED, UNSEEN
from collector.records import Controller
from collector.rules import Rules
from collector.sessions import (
    ACTIVE,
    BROADCAST,
    OBSERVER,
    PENDING,
    OpenSession,
    SessionChanges,
    Sessions,
)
from tests.unit.collector.factories import FEED_AT, atis, controller

CID = 9_000_001
NEW_LOGON = FEED_AT + timedelta(minutes=1)
NOBODY_CHANGED = SessionChanges()


class Watch:
    """Stations of one list of the feed, feed by feed."""

    def __init__(self) -> None:
        self.sessions = Sessions(Rules())
        self.at = FEED_AT - timedelta(seconds=15)

    def feed(self, *stations: Controller, after: float = 15) -> SessionChanges:
        self.at += timedelta(seconds=after)
        return self.sessions.advance(self.at, {(s.cid, s.callsign): s for s in stations})

    def empty_for(self, seconds: float, step: float = 15) -> list[tuple[OpenSession, str]]:
        """Feeds without anybody; the sessions that they ended."""
        ended = []
        for _ in range(round(seconds / step)):
            ended += self.feed(after=step).ended
        return ended

    @property
    def only(self) -> OpenSession:
        [session] = self.sessions.open.values()
        return session


def tower(**values) -> Controller:
    return controller(**{"cid": CID, "callsign": "EDDF_TWR"} | values)


# --- Status -------------------------------------------------------------------------------------


def test_a_position_on_a_real_frequency_is_active_at_once():
    watch = Watch()
    [session] = watch.feed(tower()).opened
    assert (session.status, session.active_at) == (ACTIVE, FEED_AT)


def test_a_position_on_199998_is_pending_for_ten_minutes_and_then_an_observer():
    watch = Watch()
    watch.feed(tower(frequency="199.998"))
    seen = [watch.only.status]
    for _ in range(41):
        watch.feed(tower(frequency="199.998"))
        seen.append(watch.only.status)
    assert seen == [PENDING] * 41 + [OBSERVER]  # at 0, 15, …, 600 s; and at 615 s
    assert watch.only.active_at is None


def test_the_first_real_frequency_activates():
    watch = Watch()
    watch.feed(tower(frequency="199.998"))
    changes = watch.feed(tower(frequency="119.900"))
    assert (watch.only.status, watch.only.active_at) == (ACTIVE, watch.at)
    assert changes.retuned == [(watch.only, "199.998")]
    assert changes.opened == []


def test_an_observer_by_time_is_activated_too():
    watch = Watch()
    watch.feed(tower(frequency="199.998"))
    watch.feed(tower(frequency="199.998"), after=700)
    assert watch.only.status == OBSERVER
    watch.feed(tower())
    assert watch.only.status == ACTIVE


def test_a_position_that_goes_back_to_199998_is_pending_again():
    watch = Watch()
    watch.feed(tower())
    watch.feed(tower(frequency="199.998"), after=3600)
    assert (watch.only.status, watch.only.active_at) == (PENDING, FEED_AT)
    watch.feed(tower(frequency="199.998"), after=601)
    assert watch.only.status == OBSERVER


@pytest.mark.parametrize(
    ("callsign", "facility"),
    [
        ("EDDF_OBS", 0),
        ("EDDF_OBS", 4),
        ("OBS_EDDF", 4),
        ("XX_SUP", 5),
        ("EDDF_ATIS", 4),
        ("DLH123", 0),
    ],
)
@pytest.mark.parametrize("frequency", ["119.900", "199.998"])
def test_observers_supervisors_and_atis_are_stored_and_never_active(callsign, facility, frequency):
    watch = Watch()
    watch.feed(tower(callsign=callsign, facility=facility, frequency=frequency))
    watch.feed(tower(callsign=callsign, facility=facility, frequency="119.905"))
    assert (watch.only.status, watch.only.active_at) == (OBSERVER, None)


@pytest.mark.parametrize(
    ("callsign", "facility", "status"),
    [
        ("EDDF_TWR", 0, ACTIVE),
        ("EDDF_TWR", 6, ACTIVE),
        ("SHANWICK", 1, ACTIVE),
        ("EDDF_X", 0, OBSERVER),
    ],
)
def test_the_suffix_wins_and_the_facility_is_the_fallback(callsign, facility, status):
    watch = Watch()
    watch.feed(tower(callsign=callsign, facility=facility))
    assert watch.only.status == status


# --- Which session ------------------------------------------------------------------------------


def test_a_session_is_a_callsign_and_a_cid():
    watch = Watch()
    opened = watch.feed(tower(), tower(cid=CID + 1), tower(callsign="EDDF_GND")).opened
    assert len(opened) == 3


def test_the_same_records_change_nothing():
    watch = Watch()
    watch.feed(tower())
    assert watch.feed(tower()) == NOBODY_CHANGED


def test_a_reconnect_within_five_minutes_continues():
    watch = Watch()
    [session] = watch.feed(tower()).opened
    assert watch.empty_for(300) == []
    changes = watch.feed(tower(logon_time=NEW_LOGON))
    assert (changes.opened, changes.ended, changes.came) == ([], [], [session])
    assert session.logon_time == NEW_LOGON


def test_a_reconnect_after_more_is_a_new_session():
    watch = Watch()
    [session] = watch.feed(tower()).opened
    assert watch.empty_for(315) == []
    changes = watch.feed(tower(logon_time=NEW_LOGON))
    assert [reason for _, reason in changes.ended] == [UNSEEN]
    [new] = changes.opened
    assert (new.first_seen_at, session.last_seen_at) == (watch.at, FEED_AT)


def test_the_same_logon_continues_after_more_than_five_minutes():
    watch = Watch()
    watch.feed(tower())
    watch.empty_for(1800)
    changes = watch.feed(tower())
    assert (changes.opened, changes.ended) == ([], [])


def test_a_session_unseen_for_half_an_hour_ends_where_it_was_last_seen():
    watch = Watch()
    [session] = watch.feed(tower()).opened
    assert watch.empty_for(1815) == [(session, UNSEEN)]
    assert session.last_seen_at == FEED_AT
    assert watch.sessions.open == {}


def test_a_gap_of_ours_counts_a_minute_of_unseen_time():
    watch = Watch()
    [session] = watch.feed(tower()).opened
    watch.feed(after=3600)
    assert session.unseen_s == 60
    assert watch.feed(tower(logon_time=NEW_LOGON)).opened == []


def test_after_a_gap_of_more_than_two_hours_everything_has_ended_unobserved():
    watch = Watch()
    [session] = watch.feed(tower()).opened
    changes = watch.feed(tower(), after=7201)
    assert changes.ended == [(session, UNOBSERVED)]
    assert [new.first_seen_at for new in changes.opened] == [watch.at]
    assert session.last_seen_at == FEED_AT


def test_a_new_logon_while_present_continues():
    watch = Watch()
    watch.feed(tower())
    changes = watch.feed(tower(logon_time=NEW_LOGON))
    assert (changes.opened, changes.ended) == ([], [])
    assert watch.only.logon_time == NEW_LOGON


# --- What is recorded ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"frequency": "118.500"},
        {"rating": 8},
        {"facility": 5},
        {"name": "Another Name"},
        {"server": "SERVER2"},
        {"visual_range": 100},
        {"text_atis": ["Hello"]},
        {"logon_time": NEW_LOGON},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_is_recorded_and_does_not_fork_the_session(change):
    watch = Watch()
    [session] = watch.feed(tower()).opened
    last = watch.at
    changes = watch.feed(tower(**change))
    assert (changes.opened, changes.ended) == ([], [])
    assert changes.left == [(session, last)]
    assert changes.came == [session]
    assert list(changes.changed.values()) == [session]
    assert {name: getattr(session, name) for name in change} == change


def test_only_a_change_of_frequency_is_retuning():
    watch = Watch()
    watch.feed(tower())
    assert watch.feed(tower(rating=8)).retuned == []
    assert watch.feed(tower(frequency="118.500")).retuned == [(watch.only, "119.900")]
    assert watch.only.tuned_at == watch.at


def test_a_station_that_leaves_and_comes_back_has_two_states():
    watch = Watch()
    [session] = watch.feed(tower()).opened
    assert watch.feed().left == [(session, FEED_AT)]
    assert watch.feed() == NOBODY_CHANGED
    assert watch.feed(tower()).came == [session]


def test_unknown_keys_are_kept_with_the_session():
    watch = Watch()
    watch.feed(tower())
    station = tower()
    changes = watch.sessions.advance(
        watch.at + timedelta(seconds=15),
        {(station.cid, station.callsign): station},
        lambda record: {"mood": record.rating},
    )
    assert watch.only.extra == {"mood": 5}
    assert list(changes.changed.values()) == [watch.only]


# --- ATIS ---------------------------------------------------------------------------------------


def test_an_atis_broadcasts_and_is_never_active():
    watch = Watch()
    watch.feed(atis(cid=CID))
    assert (watch.only.status, watch.only.active_at, watch.only.is_atis) == (BROADCAST, None, True)


def test_a_flicker_of_the_code_to_null_and_back_is_no_change():
    watch = Watch()
    watch.feed(atis(cid=CID, atis_code="K"))
    assert watch.feed(atis(cid=CID, atis_code=None)) == NOBODY_CHANGED
    assert watch.feed(atis(cid=CID, atis_code="K")) == NOBODY_CHANGED
    assert watch.only.atis_code == "K"


def test_another_code_is_a_change():
    watch = Watch()
    watch.feed(atis(cid=CID, atis_code="K"))
    watch.feed(atis(cid=CID, atis_code=None))
    assert len(watch.feed(atis(cid=CID, atis_code="L")).came) == 1
    assert watch.only.atis_code == "L"


def test_one_cid_may_broadcast_for_several_airports():
    watch = Watch()
    assert len(watch.feed(atis(cid=CID), atis(cid=CID, callsign="EGLL_ATIS")).opened) == 2


# --- Restart ------------------------------------------------------------------------------------


@pytest.mark.parametrize("restart_after", range(1, 8))
def test_a_restart_changes_nothing(restart_after):
    """Nothing that decides is outside of the sessions themselves."""
    records = [
        [tower(frequency="199.998")],
        [tower()],
        [],
        [tower(logon_time=NEW_LOGON)],
        [tower(rating=8), atis(cid=CID)],
        [tower(rating=8), atis(cid=CID, atis_code=None)],
        [tower(rating=8), tower(callsign="EDDF_OBS")],
        [tower()],
    ]

    def story(restart: int | None) -> list[tuple[object, ...]]:
        watch, told = Watch(), []
        for number, stations in enumerate(records):
            if number == restart:
                watch.sessions = Sessions(
                    Rules(), watch.at, map(replace, watch.sessions.open.values())
                )
            told.append(_told(watch.feed(*stations)))
        return told

    assert story(restart_after) == story(None)


def _told(changes: SessionChanges) -> tuple[object, ...]:
    def names(sessions: list[OpenSession]) -> list[tuple[str, str, str, datetime]]:
        return [(s.callsign, s.status, s.frequency, s.logon_time) for s in sessions]

    return (
        names(changes.opened),
        names(changes.came),
        [(s.callsign, until) for s, until in changes.left],
        [(s.callsign, reason) for s, reason in changes.ended],
    )
