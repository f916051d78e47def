"""What is taken out of errors before anybody sees them."""

import json
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.errors.scrubbing import (
    LONGEST_TEXT,
    MOST_BYTES,
    MOST_DEPTH,
    WITHHELD,
    Scrubber,
    is_secret,
)

SECRET = "s3cr3t-0f-th1s/installation"
scrubber = Scrubber([SECRET, "shrt"])


@pytest.mark.parametrize(
    "key",
    [
        "password", "PASSWORD", "db_passwd", "pwd", "auth_token", "clientSecret", "Authorization",
        "auth", "Set-Cookie", "api-key", "apiKey", "X-Api-Key", "SENTRY_DSN", "sessionid", "csrf",
        "csrfmiddlewaretoken", "signature", "X-Signature-256", "private_key", "SECRET_KEY",
        "PSEUDONYM_KEY", "name", "real_name", "realName", "cid", "controller__cid", "email",
    ],
)  # fmt: skip
def test_a_key_that_names_a_secret_or_a_member_hides_its_value(key: str) -> None:
    context = scrubber.context({"outer": [{key: {"deep": "value"}}], key: 12345})
    assert context == {"outer": [{key: WITHHELD}], key: WITHHELD}


@pytest.mark.parametrize("key", ["callsign", "path", "keyboard", "task_id", "filename", "count"])
def test_other_keys_show_theirs(key: str) -> None:
    assert not is_secret(key)
    assert scrubber.context({key: "value"}) == {key: "value"}


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("connecting to postgresql://bob:hunter2@db/x", "hunter2"),
        ("redis://:p%40ss@host:6379/0 is away", "p%40ss"),
        ("GET / Authorization: Bearer abcdef.123456", "abcdef.123456"),
        ("Authorization: Digest response=aaaa, opaque=bbbb", "bbbb"),
        ("curl -H 'Basic dXNlcjpwYXNz'", "dXNlcjpwYXNz"),
        ("Cookie: a=1; sessionid=zzz999; theme=dark", "zzz999"),
        ("the token vdc_AbCdEfGhIjKl was sent", "AbCdEfGhIjKl"),
        ("signed with whsec_AbCdEfGh+/IjKlMnOp= now", "IjKlMnOp"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "eyJzdWIiOiIxIn0"),
        ("key=QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3ODk=", "QUJDREVGR0hJSktM"),
        ("login(user='bob', password='correct horse')", "correct horse"),
        ("login(password='correct horse", "correct horse"),  # cut by somebody
        ('{"api_key": "k-123", "x": 1}', "k-123"),
        (r"{\"client_secret\": \"k-123\"}", "k-123"),
        ("?token=abc&x=1", "abc"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----", "MIIE"),
        ("Pilot(cid=1234567, name='Jane Doe EGLL', callsign='BAW1')", "Jane Doe"),
        ("Pilot(cid=1234567, callsign='BAW1')", "1234567"),
        ("no member 1234567 here", "1234567"),
        ("DETAIL:  Key (cid, callsign)=(44, BAW1) already exists.", "44"),
        ("DETAIL:  Failing row contains (1, Jane Doe, 44).", "Jane"),
        (f"of our own: {SECRET}!", SECRET),
        ("a short one: shrt", "shrt"),
    ],
)
def test_what_looks_like_a_secret_or_is_one_of_ours_is_withheld(text: str, secret: str) -> None:
    scrubbed = scrubber.text(text)
    assert secret not in scrubbed
    assert WITHHELD in scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "shrtly after", "the token is expired", "basic authentication", "BAW123 at 51.47, -0.45",
        "https://data.vatsim.net/v3/vatsim-data.json answered 503", "took 1250.5 ms of 86400 s",
        "2026-11-22T10:15:00Z", "frequency 118.700", "line 1274, in flush",
    ],
)  # fmt: skip
def test_ordinary_text_stays(text: str) -> None:
    assert scrubber.text(text) == text


def test_a_quoted_form_of_a_secret_is_one_too() -> None:
    assert "p@ss" not in Scrubber(["p%40ss/word"]).text("it is p@ss/word")


def test_half_a_secret_is_not_left_at_a_cut() -> None:
    for before in range(LONGEST_TEXT - 40, LONGEST_TEXT + 1):
        assert SECRET[:8] not in scrubber.text("x" * before + SECRET)
    read = 3 * LONGEST_TEXT  # of which nearly nothing is left, so that its end would be kept
    for before in range(read - 2970, read - 2900):
        text = f"password='{'y' * 2900}' pwd='{'y' * (before - 25)}' {SECRET} {'z' * 9000}"
        assert SECRET[:8] not in scrubber.text(text)


def test_texts_fit_postgres_and_their_limit() -> None:
    text = scrubber.text("a\0b\ud800c" + "é" * 3000)
    assert text.startswith("a\ufffdb\ufffdc")
    assert len(text.encode()) <= LONGEST_TEXT
    assert text.endswith("…")


class Hostile:
    """Its own code raises wherever somebody looks."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __repr__


class HostileMapping(dict):
    def items(self):
        raise KeyError("no")


class Endless(dict):
    def items(self):
        while True:
            yield "again", self


def test_hostile_objects_and_cycles_break_nothing() -> None:
    cycle: dict = {}
    cycle["again"] = [cycle]
    facts = {
        "hostile": Hostile(),
        "mapping": HostileMapping(a=1),
        "endless": Endless(),
        "cycle": cycle,
        "number": 10**5000,
        "nan": float("nan"),
        "bytes": b"\xff\x00password=abc",
        Hostile(): 1,
        ("a", "tuple"): 2,
        "set": {1},
    }
    context = scrubber.context(facts)
    assert context["hostile"] == "[a Hostile that can't be shown]"
    assert context["mapping"] == "[a HostileMapping that can't be shown]"
    assert "again" in context["endless"]
    assert context["number"] == "[an integer of 16610 bits]"
    assert context["set"] == [1]
    assert "abc" not in context["bytes"]
    assert json.dumps(context, allow_nan=False).count("again") < MOST_DEPTH + 200


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(), values, max_size=8))
def test_a_context_is_json_that_postgres_takes_whatever_it_was(facts: dict) -> None:
    context = scrubber.context(facts)
    text = json.dumps(context, allow_nan=False, ensure_ascii=False)
    assert "\0" not in text
    text.encode()


def test_a_context_is_bounded() -> None:
    context = scrubber.context({str(n): "x" * 1500 for n in range(1000)})
    assert 5 < sum(value != "…" for value in context.values()) < 20
    assert len(msgspec.json.encode(context)) <= MOST_BYTES
    deep: list = []
    for _ in range(50):
        deep = [deep]
    assert json.dumps(scrubber.context({"deep": deep})).count("[") <= MOST_DEPTH
    assert len(scrubber.context({"broad": list(range(10**6))})["broad"]) <= 101


@pytest.mark.parametrize("part", ["a.", "password", "Key (", "://", "eyJ", "=A", "name='", "a-b "])
def test_hostile_text_costs_little(part: str) -> None:
    text = part * (16_384 // len(part))
    started = time.process_time()
    scrubber.text(text, 16_384)
    assert time.process_time() - started < 1
