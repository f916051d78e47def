import builtins
import re
from io import StringIO

import msgspec
import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from collector import snapshots
from collector.feed import unpack
from collector.known import Known
from collector.models import (
    ControllerSession,
    ErasedMember,
    FailedPoll,
    Flight,
    FlightPlan,
    Poll,
    Prefile,
    Reference,
    RejectedRecord,
    SessionPeriod,
    Source,
)
from collector.privacy import pseudonym
from collector.services import erasing, flushing
from collector.services.erasing import ErasureConflict, erase_member
from tests.integration.collector.simulated import simulated, times
from tests.integration.collector.tables import checksums, contents

CID, NAME = 87_654_321, "Zaphod Beeblebrox EDDF"


@pytest.fixture
def member(replayed_network) -> Flight:
    """A member who flies, controls, filed a plan, and is named in every table that has texts."""
    flight = Flight.objects.active().exclude(plan=None).first()
    session = ControllerSession.objects.open().first()
    prefile = Prefile.objects.first()
    for row in (flight, session, prefile):
        row.cid, row.name = CID, NAME
        row.extra = {"member": CID, "said": [NAME, {f"cid {CID}": "x"}]}
        row.save()
    session.periods.update(name=NAME, text_atis=["Hello", f"this is {NAME.upper()}"])
    others_plan = FlightPlan.objects.exclude(flight=flight).first()
    others_plan.remarks = f"TRAINING WITH ZAPHOD BEEBLEBROX {CID}"
    others_plan.extra = {"with": CID}
    others_plan.departure = str(CID)
    others_plan.save()
    poll = Poll.objects.first()
    poll.reason, poll.servers = f"because of {CID}", [{"ident": NAME}]
    poll.save()
    record = f'{{"cid":{CID},"name":"{NAME}"}}'
    RejectedRecord.objects.create(poll=poll, kind="pilots", reason=f"{NAME} {CID}", record=record)
    FailedPoll.objects.create(
        entry_id="1-0", at=timezone.now(), reason="form", message=f"{CID} is no feed"
    )
    Reference.objects.update(entries=[{"id": 1, "short": str(CID), "long": NAME}])
    return flight


def traces(of: str = rf"(?<!\d){CID}(?!\d)|beeblebrox") -> list[str]:
    """The tables and views that still name the member."""
    pattern = re.compile(of, re.IGNORECASE)
    return [table for table, rows in contents().items() if any(map(pattern.search, rows))]


def test_nothing_in_the_database_names_an_erased_member(member):
    assert set(traces()) >= {
        Flight._meta.db_table,
        FlightPlan._meta.db_table,
        Prefile._meta.db_table,
        ControllerSession._meta.db_table,
        SessionPeriod._meta.db_table,
        Poll._meta.db_table,
        RejectedRecord._meta.db_table,
        FailedPoll._meta.db_table,
        Reference._meta.db_table,
    }
    erasure = erase_member(CID)
    assert traces() == []
    assert erasure.rows[str(Flight._meta.verbose_name_plural)] >= 1
    assert ErasedMember.objects.get().pk == erasure.pseudonym == pseudonym(CID)


def test_an_erased_member_s_flights_stay(member):
    before = Flight.objects.count(), ControllerSession.objects.count(), Prefile.objects.count()
    positions = member.positions.count()
    erase_member(CID)
    member.refresh_from_db()
    assert (member.cid, member.name) == (pseudonym(CID), "")
    assert member.positions.count() == positions > 0
    now = Flight.objects.count(), ControllerSession.objects.count(), Prefile.objects.count()
    assert now == before


def test_others_keep_their_names_even_where_they_are_equal(member):
    namesake = Flight.objects.exclude(pk=member.pk).first()
    Flight.objects.filter(pk=namesake.pk).update(name=NAME)
    names = dict(Flight.objects.exclude(pk=member.pk).values_list("pk", "name"))
    erase_member(CID)
    assert dict(Flight.objects.exclude(pk=member.pk).values_list("pk", "name")) == names


def test_a_number_that_contains_the_cid_is_another(member):
    plan = FlightPlan.objects.filter(flight=member).first()
    plan.remarks = f"RMK/{CID}5 5{CID}"
    plan.save()
    erase_member(CID)
    plan.refresh_from_db()
    assert plan.remarks == f"RMK/{CID}5 5{CID}"


def test_a_text_that_grows_too_long_for_its_column_is_cut(member):
    erase_member(CID)
    cut = str(pseudonym(CID))[:10]
    assert FlightPlan.objects.filter(departure=cut).count() == 1


def test_erasing_twice_changes_nothing_more(member):
    erase_member(CID)
    before = checksums()
    assert not erase_member(CID).rows
    after = checksums()
    del before[Source._meta.db_table], after[Source._meta.db_table]
    assert after == before


def test_the_next_feed_continues_the_flight_under_the_pseudonym(play, replayed_network):
    flight = Flight.objects.active().first()
    cid = flight.cid
    positions = flight.positions.count()
    erase_member(cid)
    play([simulated(times(9)[-1])])
    flight.refresh_from_db()
    assert flight.status == "active"
    assert (flight.cid, flight.name) == (pseudonym(cid), "")
    assert flight.positions.count() == positions + 1
    assert Flight.objects.filter(cid__in=[cid, pseudonym(cid)]).count() == 1
    assert not Flight.objects.filter(cid=cid).exists()


def test_no_flush_is_under_way_meanwhile(member):
    erase_member(CID)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT granted FROM pg_locks"
            " WHERE locktype = 'advisory' AND objid = %s AND pid = pg_backend_pid()",
            [flushing.LOCK],
        )
        assert cursor.fetchall() == [(True,)]


def test_feeds_that_wait_in_the_buffer_are_stored_without_the_member(play, take_feed, buffer):
    *stored, waiting = [simulated(at) for at in times(5)]
    play(stored)
    flight = Flight.objects.active().first()
    take_feed(*waiting)
    assert buffer.depth().feeds == 1
    erasure = erase_member(flight.cid)
    assert erasure.held == buffer.depth().feeds == 0
    assert traces(rf"(?<!\d){flight.cid}(?!\d)|{re.escape(flight.name)}") == []


def test_redis_forgets_the_member_at_once(buffer, replayed_network):
    flight = Flight.objects.active().first()
    assert str(flight.cid).encode() in b"".join(_bodies(buffer))
    assert snapshots.get("flights", "staff") is not None
    erase_member(flight.cid)
    assert _bodies(buffer) == []
    snapshots.forget()
    assert snapshots.get("flights", "staff") is None
    known = msgspec.msgpack.decode(snapshots._redis().hget("live:known", "collector"), type=Known)
    assert flight.cid not in known.flights[0]
    assert pseudonym(flight.cid) in known.flights[0]
    assert known.erased == [pseudonym(flight.cid)]


def test_the_lists_of_the_next_feed_hide_the_member_before_it_is_flushed(
    take_feed, replayed_network
):
    flight = Flight.objects.active().first()
    erase_member(flight.cid)
    take_feed(*simulated(times(9)[-1]))
    snapshots.forget()
    rows = snapshots.get("flights", "staff").rows()
    [row] = [row for row in rows if row.id == flight.pk]
    assert (row.cid, row.name) == (pseudonym(flight.cid), "")


def test_a_pseudonym_of_two_members_erases_nothing(member, monkeypatch):
    twin = Flight.objects.exclude(pk=member.pk).first()
    Flight.objects.filter(pk=twin.pk).update(
        cid=-5, callsign=member.callsign, first_seen_at=member.first_seen_at
    )
    monkeypatch.setattr(erasing, "pseudonym", lambda _: -5)
    before = checksums()
    with pytest.raises(ErasureConflict, match="-5"):
        erase_member(CID)
    assert checksums() == before


def test_the_command_asks_first(member, monkeypatch):
    monkeypatch.setattr(builtins, "input", lambda _: "no")
    with pytest.raises(CommandError, match="Nothing was erased"):
        call_command("erase_member", str(CID))
    assert traces() != []
    monkeypatch.setattr(builtins, "input", lambda _: str(CID))
    said = StringIO()
    call_command("erase_member", str(CID), stdout=said)
    assert traces() == []
    assert f"The member is {pseudonym(CID)} from now on." in said.getvalue()
    assert "1 flights" in said.getvalue()


def test_the_command_refuses_a_pseudonym(member):
    with pytest.raises(CommandError, match="a pseudonym already"):
        call_command("erase_member", "--yes", "--", str(pseudonym(CID)))


def test_the_command_says_when_redis_is_away(member, monkeypatch):
    def fail() -> None:
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(erasing, "withdraw", fail)
    with pytest.raises(CommandError, match="run this again"):
        call_command("erase_member", "--yes", str(CID))
    assert traces() == []


def _bodies(buffer) -> list[bytes]:
    return [unpack(feed.data.stored, feed.data.encoding, 10**8) for feed in buffer.feeds()]
