"""Feeds become rows: once, in order, whatever was restarted in between."""

import json
from datetime import timedelta

import pytest
from django.db import DataError, connection

from collector import positions
from collector.buffer import FeedBuffer
from collector.models import (
    ControllerSession,
    FailedPoll,
    Flight,
    FlightPlan,
    Poll,
    Position,
    Prefile,
    Presence,
    Source,
    Tuning,
    UnknownKey,
)
from collector.services import compacting, flushing, recording, retention, verifying
from collector.services.flushing import flush
from collector.services.state import load_state
from collector.tracks import read_positions_at
from tests.integration.collector.simulated import START, simulated, times
from tests.integration.collector.tables import contents, facts
from tests.unit.collector.factories import (
    ControllerJson,
    PilotJson,
    PlanJson,
    PrefileJson,
    body,
    feed_json,
    radio_json,
    stamp,
)

pytestmark = pytest.mark.django_db


def feed(seconds: float, pilots=(), **lists) -> tuple[bytes, None]:
    """A feed so many seconds after the start, whose pilots were renewed with it."""
    at = START + timedelta(seconds=seconds)
    renewed = [pilot | {"last_updated": stamp(at)} for pilot in pilots]
    return body(feed_json(renewed, at=at, **lists)), None


def test_flushing_twice_changes_nothing(replayed_network, buffer):
    before = contents()
    flushing.forget_state()
    assert flush(buffer).stored == 0
    assert contents() == before


def test_rows_do_not_depend_on_restarts(replayed_network, take_feed, buffer):
    expected = facts()
    for model in (Flight, ControllerSession, Prefile, Poll):
        model.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE collector_hotposition, collector_tuning")
    buffer.redis.flushdb()
    for at in replayed_network:
        flushing.forget_state()
        take_feed(*simulated(at))
        flush(buffer)
    assert facts() == expected


def test_a_feed_that_is_not_newer_is_not_stored(replayed_network, take_feed, buffer):
    take_feed(*simulated(replayed_network[3]))
    buffer.redis.flushdb()  # even where Redis has forgotten
    take_feed(*simulated(replayed_network[3]))
    before = contents()
    assert flush(buffer).stored == 0
    assert contents() == before


def test_a_failed_transaction_leaves_the_feed_in_the_buffer(take_feed, buffer, monkeypatch):
    take_feed(*simulated(START))
    with monkeypatch.context() as patch:
        patch.setattr("collector.services.recording.write_sessions", _fail)
        with pytest.raises(RuntimeError):
            flush(buffer)
    assert Flight.objects.count() == Poll.objects.count() == 0
    assert flush(buffer).stored == 1
    assert Flight.objects.exists()


def _fail(*args):
    raise RuntimeError


def test_a_feed_that_can_not_be_stored_holds_up_no_other(take_feed, buffer, monkeypatch):
    def write(feed_at, changes):
        if feed_at == times(3)[1]:
            raise DataError("a value that nobody foresaw")
        real(feed_at, changes)

    real = recording.write_sessions
    monkeypatch.setattr(recording, "write_sessions", write)
    for at in times(3):
        take_feed(*simulated(at))
    result = flush(buffer)
    assert (result.stored, result.rejected) == (2, 1)
    assert [poll.outcome for poll in Poll.objects.order_by("feed_at")] == [
        "accepted",
        "rejected",
        "accepted",
    ]
    assert "nobody foresaw" in Poll.objects.get(outcome="rejected").reason


def test_a_value_that_nests_deep_is_kept_as_text(play):
    deep = [{"id": 99, "short": json.loads("[" * 800 + "]" * 800)}]
    assert play([feed(0, [PilotJson()], ratings=deep)]).stored == 1


def test_the_buffer_keeps_only_the_newest_feed_once_all_are_stored(replayed_network, buffer):
    assert [entry.feed_at for entry in buffer.feeds()] == [replayed_network[-1]]
    assert buffer.depth().feeds == 0


def test_a_full_buffer_refuses_new_feeds_and_keeps_the_accepted(take_feed, buffer, settings):
    first = take_feed(*simulated(START))
    settings.BUFFER_MAX_MB = 0.000001
    second = take_feed(*simulated(times(2)[1]))
    assert (first.outcome, second.outcome) == ("taken", "full")
    assert flush(buffer).stored == 1
    assert FailedPoll.objects.get().reason == "full"


def test_data_of_another_source_never_enter(take_feed, buffer):
    take_feed(*simulated(START))
    Source.objects.update(kind=Source.Kind.LIVE)
    assert flush(buffer).rejected == 1
    assert Poll.objects.get().outcome == Poll.Outcome.REJECTED
    assert not Flight.objects.exists()


def test_an_implausible_feed_is_held_and_dropped_when_the_network_is_back(play, buffer):
    pilots = PilotJson.create_batch(10)
    play([feed(0, pilots)])
    assert play([feed(15, pilots[:3])]).held == 1
    result = play([feed(30, pilots)])
    assert (result.dropped, result.stored) == (1, 1)
    assert [poll.outcome for poll in Poll.objects.order_by("feed_at")] == [
        "accepted",
        "dropped",
        "accepted",
    ]
    assert not Presence.objects.filter(until_at__isnull=False).exists()


def test_a_network_that_shrank_for_five_minutes_did_shrink(play, buffer):
    pilots = PilotJson.create_batch(10)
    play([feed(0, pilots)])
    flushing.forget_state()
    result = play([feed(15 + 15 * i, pilots[:3]) for i in range(21)])
    assert result.stored == 21
    assert set(Poll.objects.values_list("outcome", flat=True)) == {"accepted"}
    assert Presence.objects.filter(until_at=START).count() == 7


def test_a_network_that_shrank_is_not_held_again(play, buffer):
    pilots = PilotJson.create_batch(10)
    play([feed(15 * i, pilots) for i in range(30)])
    play([feed(450 + 15 * i, pilots[:3]) for i in range(21)])
    flushing.forget_state()
    result = play([feed(765 + 15 * i, pilots[:3]) for i in range(3)])
    assert (result.stored, result.held) == (3, 0)


def test_the_live_list_follows_a_network_that_shrank(take_feed):
    pilots = PilotJson.create_batch(10)
    outcomes = [take_feed(*feed(15 * i, pilots)).outcome for i in range(30)]
    outcomes += [take_feed(*feed(450 + 15 * i, pilots[:3])).outcome for i in range(24)]
    assert outcomes == ["taken"] * 30 + ["held"] * 20 + ["taken"] * 4


def test_a_feed_whose_pilots_are_all_bad_is_held(play):
    pilots = PilotJson.create_batch(3)
    play([feed(0, pilots)])
    assert play([feed(15, [pilot | {"altitude": "high"} for pilot in pilots])]).held == 1


def test_one_callsign_may_be_a_controller_and_a_station(play):
    controller = ControllerJson(callsign="EDDF_ATIS", last_updated=stamp(START))
    play([feed(0, controllers=[controller], atis=[controller | {"atis_code": "A"}])])
    play([feed(15, atis=[controller | {"atis_code": "A"}])])
    assert ControllerSession.objects.open().count() == 2


def test_a_transceiver_that_is_nowhere_costs_only_its_client(play, take_feed, buffer):
    good = {"callsign": "A", "transceivers": [radio_json()]}
    bad = {"callsign": "B", "transceivers": [radio_json(latDeg=1e308)]}
    take_feed(feed(0)[0], json.dumps([good, bad]).encode())
    assert flush(buffer).stored == 1
    assert Tuning.objects.get().callsign == "A"
    assert Poll.objects.get().rejected == 1


def test_an_aircraft_whose_record_stands_still_keeps_its_place_over_a_restart(play):
    still = PilotJson(last_updated=stamp(START))
    data = [body(feed_json([still], at=START + timedelta(minutes=5 * i))) for i in range(9)]
    play((content, None) for content in data)
    compacting.compact()
    flushing.forget_state()
    play([(body(feed_json([still], at=START + timedelta(minutes=45))), None)])
    assert Position.objects.count() == 1


def test_the_newest_position_is_found_hot_before_cold(play):
    early, late = PilotJson(latitude=50.0), PilotJson(latitude=50.01)
    late["cid"], late["callsign"] = early["cid"], early["callsign"]
    play([feed(600, [early]), feed(900, [late]), feed(1500, [])])
    compacting.compact()
    track = read_positions_at(START + timedelta(seconds=1500), [Flight.objects.get().pk])
    assert track.latitude.tolist() == [50.01]


def test_the_plan_of_a_prefile_that_leaves_with_its_pilots_coming_becomes_the_flights(play):
    plan = PlanJson()
    prefile = PrefileJson(flight_plan=plan)
    pilot = PilotJson(cid=prefile["cid"], callsign=prefile["callsign"])
    play([feed(0, prefiles=[prefile]), feed(15, [pilot])])
    flight = Flight.objects.get()
    assert (flight.departure, flight.arrival) == (plan["departure"], plan["arrival"])
    assert Prefile.objects.get().flight == flight


def test_the_prefile_of_another_member_is_not_bound(play):
    prefile = PrefileJson()
    pilot = PilotJson(callsign=prefile["callsign"])
    play([feed(0, prefiles=[prefile]), feed(15, [pilot])])
    assert Flight.objects.get().plan is None
    assert Prefile.objects.get().flight is None


def test_one_bad_pilot_costs_only_that_record(play):
    pilots = [*PilotJson.create_batch(5), PilotJson(altitude="high")]
    play([feed(0, pilots)])
    poll = Poll.objects.get()
    assert Flight.objects.count() == 5
    assert (poll.pilots, poll.rejected) == (5, 1)
    assert poll.rejected_records.get().kind == "pilots"
    assert list(poll.rejected_by_reason.values()) == [1]


def test_unknown_keys_are_kept_and_noted_once(play):
    pilot = PilotJson() | {"mood": "good", "story": "x" * 10_000}
    play([feed(0, [pilot]), feed(15, [pilot])])
    flight = Flight.objects.get()
    assert flight.extra["mood"] == "good"
    assert len(flight.extra["story"]) == 4000
    assert UnknownKey.objects.get(key="pilots.mood").first_seen_at == START


def test_hostile_text_is_stored_clean(play):
    pilot = PilotJson(name="a\0b\ud800", flight_plan=PlanJson(route="\0\ud83d <script>"))
    play([feed(0, [pilot])])
    assert Flight.objects.get().name == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"
    assert FlightPlan.objects.get().route.endswith(" <script>")


class TestPositions:
    """History, hot and cold."""

    def test_what_the_feed_said_is_read_back_without_loss(self, play):
        pilot = PilotJson(
            latitude=-33.94613, longitude=151.17721, altitude=-7, qnh_i_hg=30.07, qnh_mb=1018
        )
        play([feed(0, [pilot])])
        position = Position.objects.get()
        assert (position.latitude, position.longitude) == (-33.94613, 151.17721)
        assert (position.altitude, position.heading, position.qnh_i_hg) == (-7, 250, 30.07)
        assert position.at == position.feed_at == START

    def test_values_that_are_not_known_are_null_hot_and_cold(self, play):
        pilot = PilotJson(groundspeed=9999, qnh_i_hg=0.0, qnh_mb=0)
        play([feed(0, [pilot]), feed(900, [pilot])])
        hot = list(Position.objects.order_by("feed_at").values())
        assert compacting.compact() == 1
        assert list(Position.objects.order_by("feed_at").values()) == hot
        assert [(p["groundspeed"], p["qnh_i_hg"]) for p in hot] == [(None, None)] * 2

    def test_compaction_changes_no_position(self, play):
        play(simulated(at) for at in times(10, step_s=200))
        before = _positions()
        assert compacting.compact() == 2
        assert _positions() == before
        assert len(positions.partitions(positions.HOT)) == 1

    def test_a_window_is_compacted_only_when_a_later_one_has_begun(self, play):
        play([feed(0, [PilotJson()])])
        assert compacting.compact() == 0

    def test_a_repeated_record_is_no_new_position(self, play):
        pilot = PilotJson(last_updated=stamp(START))
        data = [body(feed_json([pilot], at=at)) for at in times(3)]
        assert play((content, None) for content in data).positions == 1

    def test_a_position_that_stands_twice_is_found(self, replayed_network):
        assert verifying.repeated_positions() == 0
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO collector_hotposition SELECT * FROM collector_hotposition LIMIT 1"
            )
        assert verifying.repeated_positions() == 1


def _positions() -> list[tuple]:
    return list(Position.objects.order_by("flight_id", "feed_at").values_list())


def test_retention_goes_by_the_newest_feed_and_spares_what_is_open(play):
    old, new = PilotJson.create_batch(2)
    play([feed(0, [old]), feed(500 * 86_400, [new])])
    compacting.compact()
    pruned = retention.prune()
    assert (pruned["flights"], pruned["positions"], pruned["polls"]) == (1, 1, 1)
    assert Flight.objects.get().cid == new["cid"]
    assert Position.objects.count() == 1


def test_no_current_position_is_lost_over_a_restart(replayed_network, buffer):
    held = flushing._kept.state.flights.open
    loaded = load_state().flights.open
    assert loaded.keys() == held.keys()
    for key, flight in loaded.items():
        known = held[key]
        fix, known_fix = flight.fix, known.fix
        assert (flight.at_ms, fix.altitude, fix.groundspeed) == (
            known.at_ms,
            known_fix.altitude,
            known_fix.groundspeed,
        )
        assert (fix.latitude, fix.longitude) == pytest.approx(
            (known_fix.latitude, known_fix.longitude), abs=1e-7
        )


def test_two_flushes_at_once_do_not_disturb_each_other(take_feed, buffer):
    take_feed(*simulated(START))
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [flushing.LOCK])
            assert flush(FeedBuffer()).busy
            cursor.execute("SELECT pg_advisory_unlock(%s)", [flushing.LOCK])
    finally:
        other.close()
    assert flush(buffer).stored == 1
