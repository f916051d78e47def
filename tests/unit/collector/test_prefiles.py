from datetime import timedelta

from collector.plans import parse_plan
from collector.prefiles import PrefileChanges, Prefiles
from collector.records import Prefile
from tests.unit.collector.factories import FEED_AT, NULL, PlanJson, body, prefile

ONE = {"cid": 9_000_001, "callsign": "TST1"}


def advance(prefiles: Prefiles, *records: Prefile, after: float = 0) -> PrefileChanges:
    at = FEED_AT + timedelta(seconds=after)
    return prefiles.advance(at, {(r.cid, r.callsign): r for r in records})


def test_a_prefile_opens_waits_and_leaves_with_the_last_feed_that_had_it():
    prefiles = Prefiles()
    [opened] = advance(prefiles, prefile(**ONE)).opened
    assert advance(prefiles, prefile(**ONE), after=15) == PrefileChanges()
    assert advance(prefiles, after=30).left == [opened]
    assert opened.first_seen_at == FEED_AT
    assert opened.last_seen_at == FEED_AT + timedelta(seconds=15)
    assert prefiles.open == {}


def test_plans_wait_under_cid_and_callsign():
    prefiles = Prefiles()
    plan = PlanJson(arrival="EGKK")
    advance(prefiles, prefile(**ONE, flight_plan=plan))
    assert {key: prefile.plan for key, prefile in prefiles.open.items()} == {
        (9_000_001, "TST1"): parse_plan(body(plan))
    }


def test_a_repeated_callsign_or_cid_is_another_prefile():
    prefiles = Prefiles()
    records = [
        prefile(**ONE),
        prefile(cid=9_000_002, callsign="TST1"),
        prefile(cid=9_000_001, callsign="TST2"),
    ]
    assert len(advance(prefiles, *records).opened) == 3


def test_a_changed_plan_changes_the_prefile():
    prefiles = Prefiles()
    [opened] = advance(prefiles, prefile(**ONE)).opened
    changes = advance(prefiles, prefile(**ONE, flight_plan=PlanJson(arrival="EGKK")), after=15)
    assert (changes.changed, changes.opened) == ([opened], [])
    assert opened.plan.arrival == "EGKK"


def test_the_same_plan_in_other_json_is_no_change():
    prefiles = Prefiles()
    advance(prefiles, prefile(**ONE))
    turned = dict(reversed(PlanJson().items()))
    assert advance(prefiles, prefile(**ONE, flight_plan=turned), after=15) == PrefileChanges()


def test_prefiles_restored_from_what_is_stored_do_not_change():
    prefiles = Prefiles()
    [opened] = advance(prefiles, prefile(**ONE)).opened
    opened.plan_json = None
    assert advance(Prefiles([opened]), prefile(**ONE), after=15) == PrefileChanges()


def test_a_bad_plan_costs_its_prefile_and_no_other():
    prefiles = Prefiles()
    changes = advance(
        prefiles,
        prefile(**ONE, flight_plan={"route": 7}),
        prefile(cid=9_000_002, callsign="TST2", flight_plan=None),
        prefile(cid=9_000_003, callsign="TST3"),
    )
    assert [opened.callsign for opened in changes.opened] == ["TST3"]
    assert [record for _, record in changes.rejected_plans] == [b'{"route": 7}', bytes(NULL)]


def test_a_bad_plan_leaves_the_plan_before():
    prefiles = Prefiles()
    advance(prefiles, prefile(**ONE))
    advance(prefiles, prefile(**ONE, flight_plan={"route": 7}), after=15)
    assert prefiles.open[9_000_001, "TST1"].plan.arrival == "EGLL"
