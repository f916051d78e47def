"""Subscriptions: a real server gets signed events, and the bus hears how that went."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from django.db import transaction
from django.test import Client

from monitoring.errors.breakers import breaker_states
from monitoring.errors.kinds import BreakerState
from monitoring.events import webhooks
from monitoring.events.claims import MOST_ATTEMPTS
from monitoring.events.delivery import breaker_of, deliver
from monitoring.events.signals import EventSignal, register_source
from monitoring.models import Delivery, WebhookSubscription
from monitoring.outgoing import OutgoingError, Refused
from tests.hostile_server import (
    Answer,
    HostileServer,
    head,
    reply,
    send_then_hold,
    send_without_end,
)
from tests.integration.monitoring.events.conftest import Fact

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fresh_breakers")]
AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
PAGE = "/admin/monitoring/webhooksubscription/"
FINE = reply(b"", "204 No Content")


@pytest.fixture
def answers() -> dict[str, Answer]:
    """What the receiver answers, by path."""
    return {"/hook": FINE}


@pytest.fixture
def receiver(answers, settings) -> Iterator[HostileServer]:
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    breaker_of.cache_clear()
    with HostileServer(answers) as server:
        yield server


@pytest.fixture
def bus(fact) -> EventSignal:
    """A type of which subscriptions are told."""
    register_source(webhooks.handlers)
    webhooks._known.forget()
    yield fact
    webhooks._known.forget()


@pytest.fixture
def subscribe(receiver) -> Callable[..., WebhookSubscription]:
    def subscribe(path: str = "/hook", **fields) -> WebhookSubscription:
        known = {"name": "ours", "url": receiver.url(path), "secret": webhooks.new_secret()}
        return WebhookSubscription.objects.create(**known | fields)

    return subscribe


def publish(signal: EventSignal, number: int = 1) -> int:
    with transaction.atomic():
        return signal.publish(Fact(number, "é"), occurred_at=AT, subject="it")


def handler_of(subscription: WebhookSubscription) -> str:
    return webhooks.handler_name(subscription.pk)


def received(receiver: HostileServer) -> tuple[dict[str, str], str]:
    """The headers, in lower case, and the body of the newest request."""
    top, _, body = receiver.requests[-1].partition("\r\n\r\n")
    lines = [line.partition(": ") for line in top.split("\r\n")[1:]]
    return {name.lower(): value for name, _, value in lines}, body


# --- What is sent -------------------------------------------------------------------------------


def test_a_subscriber_gets_the_event_signed(bus, subscribe, receiver):
    subscription = subscribe()
    event_id = publish(bus)
    assert deliver(handler_of(subscription)).done == 1
    headers, body = received(receiver)
    envelope = json.loads(body)
    assert headers["content-type"] == "application/cloudevents+json"
    assert (envelope["specversion"], envelope["id"]) == ("1.0", str(event_id))
    assert envelope["data"] == {"number": 1, "text": "é"}
    assert headers["webhook-id"] == str(Delivery.objects.get().pk)
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    # As a receiver checks it.
    key = base64.b64decode(subscription.secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_only_subscribed_types_are_sent(bus, subscribe, receiver):
    every, some, other = subscribe(), subscribe(types=["FACT"]), subscribe(types=["OTHER"])
    publish(bus)
    owed = set(Delivery.objects.values_list("handler", flat=True))
    assert owed == {handler_of(every), handler_of(some)}
    assert deliver(handler_of(other)).done == 0


def test_a_subscription_that_is_not_active_is_told_nothing(bus, subscribe, receiver):
    subscription = subscribe()
    publish(bus)
    subscription.is_active = False
    subscription.save()
    publish(bus)
    assert Delivery.objects.count() == 1
    deliver(handler_of(subscription))
    assert receiver.requests == []


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted", "299 Fine"])
def test_any_2xx_is_a_success_whatever_its_body(bus, subscribe, answers, status):
    answers["/hook"] = send_then_hold(head(status, Content_Length="1000"))
    subscription = subscribe()
    publish(bus)
    assert deliver(handler_of(subscription)).done == 1


# --- What fails ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("302 Found", {"Location": "/other"}),
        ("400 Bad Request", {}),
        ("410 Gone", {}),
        ("429 Too Many Requests", {}),
        ("500 Broken", {}),
    ],
)
def test_any_other_answer_is_a_failure_and_no_redirect_is_followed(
    bus, subscribe, answers, receiver, *, status, headers
):
    answers["/hook"] = reply(b"why\0 not", status, **headers)
    answers["/other"] = FINE
    subscription = subscribe()
    publish(bus)
    assert deliver(handler_of(subscription)).failed == 1
    assert f"127.0.0.1 answered {status[:3]} why" in Delivery.objects.get().error
    assert len(receiver.requests) == 1


def test_an_endless_answer_is_read_to_a_few_kilobytes_at_most(subscribe, answers):
    answers["/hook"] = send_without_end(head("500 Broken"), b"x" * 65536)
    started = time.monotonic()
    with pytest.raises(webhooks.WebhookRefused) as refused:
        webhooks.send(subscribe(), "1", b"{}")
    assert len(str(refused.value)) < 300
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "answer",
    [send_then_hold(b""), send_without_end(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.02)],
    ids=["silent", "slow"],
)
def test_a_receiver_that_hangs_is_left_in_time(subscribe, answers, settings, answer):
    settings.WEBHOOK_TIMEOUT = 0.5
    answers["/hook"] = answer
    started = time.monotonic()
    with pytest.raises(OutgoingError, match="timeout"):
        webhooks.send(subscribe(), "1", b"{}")
    assert time.monotonic() - started < settings.WEBHOOK_TIMEOUT


def test_a_secret_path_stands_in_no_error(subscribe, answers):
    answers["/t0psecret"] = reply(b"", "500 Broken")
    with pytest.raises(OutgoingError) as refused:
        webhooks.send(subscribe("/t0psecret"), "1", b"{}")
    assert "t0psecret" not in str(refused.value)


def test_it_never_goes_inward_unless_the_host_is_allowed(subscribe, receiver, settings):
    subscription = subscribe()
    settings.WEBHOOK_ALLOWED_HOSTS = ["localhost"]
    with pytest.raises(Refused, match="forbidden_address"):
        webhooks.send(subscription, "1", b"{}")
    assert receiver.requests == []


def test_a_receiver_that_fails_again_and_again_has_its_own_breaker(
    bus, subscribe, answers, settings
):
    settings.EVENT_BUS_RETRY_SECONDS = 0.001
    answers["/broken"] = reply(b"", "500 Broken")
    broken, well = subscribe("/broken", types=["FACT"]), subscribe(types=["FACT"])
    for number in range(3):
        publish(bus, number)
    for _ in range(20):
        deliver(handler_of(broken))
    assert breaker_states()[f"handler:{handler_of(broken)}"].state is BreakerState.OPEN
    assert deliver(handler_of(well)).done == 3
    assert breaker_states()[f"handler:{handler_of(well)}"].state is BreakerState.CLOSED


def test_what_can_never_be_delivered_ends_as_a_dead_letter(bus, subscribe, answers, settings):
    settings.EVENT_BUS_RETRY_SECONDS = 0.001
    settings.CIRCUIT_BREAKER_FAILURE_THRESHOLD = 1000
    answers["/hook"] = reply(b"", "500 Broken")
    subscription = subscribe(types=["FACT"])
    publish(bus)
    for _ in range(MOST_ATTEMPTS):
        deliver(handler_of(subscription))
        time.sleep(0.02)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts) == ("dead", MOST_ATTEMPTS)


def test_what_a_receiver_says_is_one_line_that_can_be_printed(subscribe, answers):
    said = "no\r\n2026-01-05 12:00 INFO forged \x1b[2J\u202ehidden"
    answers["/hook"] = reply(said.encode(), "500 Broken")
    with pytest.raises(OutgoingError) as caught:
        webhooks.send(subscribe(), "1", b"{}")
    assert str(caught.value).isprintable()
    assert "forged" in str(caught.value)


def end_by_deleting(subscription: WebhookSubscription) -> None:
    subscription.delete()


def end_by_switching_off(subscription: WebhookSubscription) -> None:
    subscription.is_active = False
    subscription.save()


@pytest.mark.parametrize("end", [end_by_deleting, end_by_switching_off])
def test_a_subscription_that_ended_is_owed_nothing(bus, subscribe, end):
    ended, other = subscribe(), subscribe()
    names = handler_of(ended), handler_of(other)
    publish(bus)
    end(ended)
    found = Delivery.objects.filter(handler__in=names).order_by("handler")
    assert [each.status for each in found] == ["discarded", "pending"]
    assert [each.finished_at is None for each in found] == [False, True]


def test_with_a_subscription_its_breaker_goes(bus, subscribe):
    subscription = subscribe()
    publish(bus)
    deliver(handler_of(subscription))
    assert breaker_states()
    subscription.delete()
    assert not breaker_states()
    assert webhooks._known.of("FACT") == []


# --- In the admin -------------------------------------------------------------------------------


@pytest.fixture
def admin(make_user):
    def admin(group: str) -> Client:
        client = Client()
        client.force_login(make_user(group, group, is_staff=True))
        return client

    return admin


def fill_in(receiver: HostileServer, **fields) -> dict[str, object]:
    known = {"name": "ours", "url": receiver.url("/hook"), "types": [], "is_active": "on"}
    return known | fields


def test_an_operator_subscribes_an_address_and_sees_the_secret_once(admin, receiver):
    client = admin("operator")
    known = sorted(EventSignal.types)[:2]
    answer = client.post(f"{PAGE}add/", fill_in(receiver, types=known))
    subscription = WebhookSubscription.objects.get()
    assert subscription.types == known
    assert f'<pre id="secret">{subscription.secret}</pre>' in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    for path in (PAGE, f"{PAGE}{subscription.pk}/change/", f"{PAGE}{subscription.pk}/history/"):
        assert subscription.secret not in client.get(path, follow=True).content.decode()


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"url": "http://169.254.169.254/latest"}, "No webhook may go there"),
        ({"url": "http://[::1]/"}, "No webhook may go there"),
        ({"url": "ftp://example.org/"}, "No webhook may go there"),
        ({"url": "not an address"}, "Enter a valid URL"),
        ({"url": "https://me:secret@example.org/"}, "would not be sent"),
        ({"types": ["NO_SUCH_TYPE"]}, "Select a valid choice"),
        ({"name": ""}, "This field is required"),
    ],
)
def test_what_does_not_fit_is_refused(admin, receiver, fields, complaint):
    answer = admin("operator").post(f"{PAGE}add/", fill_in(receiver, **fields))
    assert complaint in answer.content.decode()
    assert not WebhookSubscription.objects.exists()


def test_a_change_keeps_the_secret(admin, subscribe, receiver):
    subscription = subscribe()
    page = f"{PAGE}{subscription.pk}/change/"
    assert admin("operator").post(page, fill_in(receiver, name="new")).status_code == 302
    changed = WebhookSubscription.objects.get()
    assert (changed.name, changed.secret) == ("new", subscription.secret)


def test_a_test_event_is_sent_and_its_outcome_told(admin, subscribe, receiver, answers):
    client, subscription = admin("operator"), subscribe()
    button = f"{PAGE}{subscription.pk}/test"
    assert "arrived: 204" in client.post(button, follow=True).content.decode()
    headers, body = received(receiver)
    assert json.loads(body)["type"].endswith("webhook_test.v1")
    assert headers["webhook-id"].startswith("test-")
    answers["/hook"] = reply(b"<b>no</b>", "500 Broken")
    html = client.post(button, follow=True).content.decode()
    assert "did not arrive" in html
    assert "&lt;b&gt;no" in html


def test_a_lost_secret_is_replaced(admin, subscribe):
    subscription = subscribe()
    html = admin("operator").post(f"{PAGE}{subscription.pk}/renew").content.decode()
    renewed = WebhookSubscription.objects.get().secret
    assert renewed != subscription.secret
    assert renewed in html


def test_viewers_see_neither_address_nor_secret_and_do_nothing(admin, subscribe, receiver):
    subscription = subscribe("/t0psecret")
    client = admin("viewer")
    for path in (PAGE, f"{PAGE}{subscription.pk}/change/"):
        html = client.get(path).content.decode()
        assert "127.0.0.1" in html
        assert "t0psecret" not in html
        assert subscription.secret not in html
        assert "Send a test event" not in html
    for button in ("test", "renew"):
        assert client.post(f"{PAGE}{subscription.pk}/{button}").status_code == 403
    assert client.get(f"{PAGE}add/").status_code == 403
    assert receiver.requests == []


@pytest.mark.parametrize("query", ["secret__startswith", "url__contains", "pk"])
def test_viewers_can_not_guess_what_they_do_not_see(admin, subscribe, query):
    subscription = subscribe("/t0psecret")
    values = {"secret__startswith": subscription.secret[:9], "url__contains": "t0p", "pk": "1"}
    answer = admin("viewer").get(PAGE, {query: values[query]})
    assert answer.status_code == 400
    assert admin("operator").get(PAGE, {query: values[query]}).status_code == 400


def test_buttons_work_by_post_alone_and_for_what_there_is(admin, subscribe):
    client, subscription = admin("operator"), subscribe()
    assert client.get(f"{PAGE}{subscription.pk}/test").status_code == 405
    assert client.post(f"{PAGE}{subscription.pk + 1}/test").status_code == 404


def test_the_last_deliveries_are_shown(bus, admin, subscribe, answers):
    answers["/hook"] = reply(b"<i>no</i>", "500 Broken")
    subscription = subscribe()
    publish(bus)
    deliver(handler_of(subscription))
    html = admin("operator").get(f"{PAGE}{subscription.pk}/change/").content.decode()
    assert "FACT" in html
    assert "answered 500 &lt;i&gt;no" in html
