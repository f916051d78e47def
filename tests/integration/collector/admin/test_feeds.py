"""Pages of polls with their rejected records."""

from datetime import timedelta

from collector.admin.base import page_of
from collector.models import RejectedRecord
from tests.integration.collector.admin.conftest import AT

POLLS = "/admin/collector/poll/"


def listed(viewer, **choice) -> list[str]:
    return [str(poll) for poll in viewer.get(POLLS, choice).context["cl"].result_list]


def test_polls_are_filtered_by_outcome_and_by_rejected_records(viewer, make_poll):
    for minute, outcome, rejected in ((0, "accepted", 0), (1, "accepted", 3), (2, "dropped", 0)):
        make_poll(feed_at=AT + timedelta(minutes=minute), outcome=outcome, rejected=rejected)
    first, second, third = (f"2026-03-01 12:0{minute}:00" for minute in range(3))
    assert listed(viewer) == [third, second, first]
    assert listed(viewer, outcome__exact="dropped") == [third]
    assert listed(viewer, records="rejected") == [second]


def test_a_poll_shows_its_age_its_rejected_records_and_its_servers(viewer, make_poll):
    poll = make_poll(
        feed_at=AT + timedelta(milliseconds=123),
        fetched_at=AT + timedelta(seconds=7.623),
        rejected=12,
        rejected_by_reason={"pilots: cid": 2, "pilots: latitude": 10},
        servers=[{"ident": "SYDNEY", "name": "Sydney", "location": "Australia", "clients": 7}],
    )
    RejectedRecord.objects.create(poll=poll, kind="pilots", reason="cid", record='{"cid":nul')
    response = viewer.get(page_of(poll))
    reasons, records, servers = (section.rows for section in response.context["sections"])
    assert reasons == [("pilots: latitude", 10), ("pilots: cid", 2)]
    assert records == [("pilots", "cid", '{"cid":nul')]
    assert servers == [["SYDNEY", "Sydney", "Australia", 7]]
    html = response.content.decode().replace("\N{NO-BREAK SPACE}", " ")
    assert all(f">{text}</div>" in html for text in ("7.5 s", "0.50 s", "1 kB"))
    assert "{&quot;cid&quot;:nul" in response.content.decode()


def test_erasing_is_said_to_be_a_command(viewer):
    html = viewer.get("/admin/collector/erasedmember/").content.decode()
    assert "manage.py erase_member CID" in html
