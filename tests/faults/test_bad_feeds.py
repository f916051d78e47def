"""Whatever the feed's server does: stopped in time, noted with its class, and nothing stored."""

import gzip
import json
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests.faults.conftest import Install, Note
from tests.faults.installation import FETCH_LIMIT_S, Installation
from tests.hostile_server import (
    Answer,
    HostileServer,
    head,
    reply,
    send,
    send_then_hold,
    send_without_end,
)

ROUNDS = 20
MOST_GROWTH = 24 * 2**20  # bytes; less than one body of the largest size allowed
LIMIT = 32 * 2**20  # of a body, decompressed

Make = Callable[[bytes], Answer]


def sent(answer: Answer) -> Make:
    """Whatever would have been good."""
    return lambda _: answer


def body(change: Callable[[bytes], bytes]) -> Make:
    """The good body, changed."""
    return lambda good: reply(change(good))


def in_a_pilot(key: bytes, value: bytes) -> Callable[[bytes], bytes]:
    """Put a value in place of the first pilot's."""

    def change(good: bytes) -> bytes:
        start = good.index(b'"%b":' % key, good.index(b'"pilots"')) + len(key) + 3
        end = min(good.index(mark, start) for mark in (b",", b"}"))
        return good[:start] + value + good[end:]

    return change


def in_the_header(value: bytes) -> Callable[[bytes], bytes]:
    """Put a value in place of the number of clients."""
    return lambda good: good.replace(
        b'"connected_clients":', b'"connected_clients":%b,"x":' % value
    )


def bomb(_: bytes) -> Answer:
    return reply(_bomb(), Content_Encoding="gzip")


@cache
def _bomb() -> bytes:
    return gzip.compress(bytes(10 * LIMIT))


def cut_off(good: bytes) -> Answer:
    """Announce a whole body and send its beginning."""
    return send(head(Content_Length=str(len(good))) + good[:1000])


# What is sent instead of a good body, and the class that it is noted with.
ANSWERS: dict[str, tuple[Make, str]] = {
    "status 500": (sent(reply(b"", "500 Broken")), "status"),
    "status 429": (sent(reply(b"", "429 Slow down")), "status"),
    "no answer": (sent(send_then_hold(b"")), "timeout"),
    "stops half-way": (lambda good: send_then_hold(head() + good[:1000]), "timeout"),
    "a byte a second": (sent(send_without_end(head(), b" ", gap_seconds=1)), "timeout"),
    "endless": (sent(send_without_end(head(), b" " * 2**16)), "too_large"),
    "gzip bomb": (bomb, "too_large"),
    "nested": (sent(reply(b"[" * 100_000)), "nested"),
    "HTML": (sent(reply(b"<!doctype html><p>A page")), "json"),
    "truncated": (body(lambda good: good[: len(good) // 2]), "json"),
    "cut off": (cut_off, "truncated"),
    "empty": (sent(reply(b"")), "empty"),
    "null": (sent(reply(b"null")), "form"),
    "a list": (body(lambda good: b"[%b]" % good), "form"),
    "BOM": (body(lambda good: b"\xef\xbb\xbf" + good), "json"),
    "Latin-1": (body(in_a_pilot(b"name", b'"J\xfcrgen"')), "encoding"),
    "invalid UTF-8": (body(in_a_pilot(b"name", b'"\xff\xfe"')), "encoding"),
    "NaN": (body(in_a_pilot(b"latitude", b"NaN")), "json"),
    "1e400 in the header": (body(in_the_header(b"1e400")), "form"),
    "5,000 digits in the header": (body(in_the_header(b"9" * 5000)), "form"),
}
HEAVY = ("endless", "gzip bomb", "nested", "5,000 digits in the header")


class Answers(dict[str, Answer]):
    """What is sent for the data; there are no transceivers."""

    def good(self, site: Installation) -> bytes:
        """Send the next feed from now on; its body."""
        content, _ = site.feed.bodies(site.feed.next())
        self["/data"] = reply(content)
        return content


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def site(install: Install, answers: Answers) -> Iterator[Installation]:
    with HostileServer(answers) as server:
        site = install(VATSIM_API_URL=server.url("/data"), VATSIM_TRANSCEIVERS_URL="")
        site.start("collecting")
        answers.good(site)
        site.poll()
        site.flush()
        yield site


def test_a_bad_answer_is_noted_with_its_class_and_nothing_is_stored(
    site: Installation, answers: Answers
) -> None:
    stored, rows = site.stored(), site.rows()
    good = answers.good(site)
    for name, (make, reason) in ANSWERS.items():
        answers["/data"] = make(good)
        seconds = site.poll()
        assert seconds < FETCH_LIMIT_S + 1, f"{name}: {seconds:.1f} s"
        site.flush()
        assert site.failed_polls()[-1] == reason, name
    assert len(site.failed_polls()) == len(ANSWERS)
    assert site.stored() == stored
    assert site.rows() == rows
    answers["/data"] = reply(good)
    site.poll()
    site.flush()
    assert len(site.stored()) == len(stored) + 1


def test_a_number_beyond_all_bounds_costs_one_record(site: Installation, answers: Answers) -> None:
    for value in (b"1e400", b"-1e400", b"9" * 5000):
        good = answers.good(site)
        answers["/data"] = reply(in_a_pilot(b"latitude", value)(good))
        site.poll()
        site.flush()
        (counted,) = site.query(
            "SELECT pilots, rejected FROM collector_poll ORDER BY feed_at DESC LIMIT 1"
        )
        assert counted == (len(json.loads(good)["pilots"]) - 1, 1)
        assert site.count("presence WHERE until_at IS NULL") == counted[0]


def test_bad_transceivers_cost_nothing_but_themselves(install: Install, answers: Answers) -> None:
    broken = (
        "status 500",
        "no answer",
        "gzip bomb",
        "nested",
        "HTML",
        "truncated",
        "empty",
        "null",
    )
    with HostileServer(answers) as server:
        site = install(
            VATSIM_API_URL=server.url("/data"), VATSIM_TRANSCEIVERS_URL=server.url("/radios")
        )
        site.start("collecting")
        for name in broken:
            answers["/radios"] = ANSWERS[name][0](answers.good(site))
            assert site.poll() < FETCH_LIMIT_S + 1, name
        site.flush()
        noted = site.query("SELECT has_transceivers, transceivers_error <> '' FROM collector_poll")
        assert noted == [(False, True)] * len(broken)
        assert (len(site.stored()), site.failed_polls()) == (len(broken), [])
        assert (site.count("position") > 0, site.count("tuning")) == (True, 0)
        answers.good(site)
        answers["/radios"] = reply(site.feed.bodies(site.feed.at)[1])
        site.poll()
        site.flush()
        assert site.count("tuning") > 0


def test_a_refused_connection_is_noted_and_the_next_feed_is_taken(install: Install) -> None:
    site = install()
    site.start("collecting")
    site.collect()
    site.feed.stop()
    site.poll()
    site.flush()
    assert site.failed_polls() == ["connect"]
    site.feed.start()
    site.collect()
    assert len(site.stored()) == 2


def test_memory_stays_flat(site: Installation, answers: Answers, note: Note) -> None:
    good = answers.good(site)
    sizes = []
    for _ in range(ROUNDS):
        for name in HEAVY:
            answers["/data"] = ANSWERS[name][0](good)
            site.poll()
        sizes.append(_resident_bytes(site))
    note(f"resident: {', '.join(f'{size / 2**20:.0f}' for size in sizes)} MiB")
    quarter = ROUNDS // 4  # in which the processes reach the size that the work needs
    assert max(sizes[-quarter:]) < max(sizes[:quarter]) + MOST_GROWTH


def _resident_bytes(site: Installation) -> int:
    return sum(child.memory_info().rss for child in site.worker.children())
