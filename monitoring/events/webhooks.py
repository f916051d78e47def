"""Addresses outside that are told of events: each subscription is a handler of the bus.

What is sent is the event's CloudEvents envelope, signed as Standard Webhooks has it
(https://www.standardwebhooks.com), so that the receiver can check who sent it, when, and whether it
came before. An answer of 2xx is a success; for anything else the bus tries again, and gives up
into its dead letters.
"""

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from typing import Any

import msgspec
from django.conf import settings
from django.db.models.signals import post_delete, post_save
from django.utils import timezone
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError

from monitoring.events.delivery import breaker_of
from monitoring.events.envelope import MEDIA_TYPE, envelope
from monitoring.events.signals import Handler, StoredEvent, register_source
from monitoring.models import Delivery, WebhookSubscription
from monitoring.outgoing import Errand, OutgoingError, Refused, Request, hostname, resolve

# Shares of WEBHOOK_TIMEOUT: a request ends by itself before its handler is ended.
CONNECT, READ, WITHIN = 0.3, 0.5, 0.9
MOST_ANSWER_BYTES = 4096  # read of an answer
MOST_SHOWN = 200  # characters of it that an error shows
TEST_TYPE = "WEBHOOK_TEST"
SECRET_MARK = "whsec_"  # noqa: S105 - as Standard Webhooks marks them
SECRET_BYTES = 32
KNOWN_FOR_S = 4.0  # for which a process believes what it read of the subscriptions


class WebhookRefused(OutgoingError):
    """The receiver answered with another status than 2xx."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said."""

    status: int
    seconds: float


def handler_name(subscription_id: int) -> str:
    """The handler that a subscription is, as deliveries name it."""
    return f"webhook:{subscription_id}"


def new_secret() -> str:
    """A secret that signs what is sent: 256 random bits."""
    return SECRET_MARK + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: HMAC-SHA256 over id, time and body."""
    key = base64.b64decode(secret.removeprefix(SECRET_MARK))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def send(subscription: WebhookSubscription, message_id: str, body: bytes) -> Answer:
    """Post a signed body, and return the answer. Raises `OutgoingError`."""
    now = int(time.time())
    headers = {
        "Content-Type": MEDIA_TYPE,
        "webhook-id": message_id,
        "webhook-timestamp": str(now),
        "webhook-signature": sign(subscription.secret, message_id, now, body),
    }
    request = Request(
        subscription.url,
        headers,
        "POST",
        body,
        trusted_hosts=settings.WEBHOOK_ALLOWED_HOSTS,
        connect_seconds=CONNECT * settings.WEBHOOK_TIMEOUT,
        read_seconds=READ * settings.WEBHOOK_TIMEOUT,
    )
    started = time.monotonic()
    # The host alone is named: some addresses are secret themselves.
    host = hostname(subscription.url)
    with Errand("webhook", host, lambda errand: errand.send(request, _read)) as errand:
        status, text = errand.result(started + WITHIN * settings.WEBHOOK_TIMEOUT)
    if not 200 <= status < 300:
        raise WebhookRefused("status", f"{host} answered {status} {text}".rstrip())
    return Answer(status, time.monotonic() - started)


def deliver(subscription_id: int, event: StoredEvent) -> None:
    """Tell a subscriber of an event, unless the subscription has ended meanwhile."""
    subscription = WebhookSubscription.objects.filter(pk=subscription_id, is_active=True).first()
    if subscription is not None:
        send(subscription, event.key, _body(event))


def send_test(subscription: WebhookSubscription, message_id: str) -> Answer:
    """Send an event that means nothing. Raises `OutgoingError`."""
    now = timezone.now()
    event = StoredEvent(
        id=0,
        type=TEST_TYPE,
        version=1,
        service="monitoring",
        subject=subscription.name,
        occurred_at=now,
        payload={"message": "A test of this subscription."},
        correlation_id="",
        causation_id=None,
        key=message_id,
    )
    return send(subscription, message_id, _body(event))


def require_reachable(url: str) -> None:
    """Raise `Refused` for an address that webhooks may not go to.

    A name that can't be resolved now may be another time, when it is checked again.
    """
    host = hostname(url)
    trusted = host in settings.WEBHOOK_ALLOWED_HOSTS
    with Errand("webhook", host, lambda _: resolve(host, trusted)) as errand:
        try:
            errand.result(time.monotonic() + CONNECT * settings.WEBHOOK_TIMEOUT)
        except Refused:
            raise
        except OutgoingError:
            return


# --- Which handlers there are -------------------------------------------------------------------


class _Known:
    """The subscriptions, read at most every few seconds a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._types: dict[int, frozenset[str]] = {}  # by id; none: all
        self._until = float("-inf")  # of the monotonic clock

    def of(self, type_name: str) -> list[int]:
        with self._lock:
            if time.monotonic() >= self._until:
                active = WebhookSubscription.objects.filter(is_active=True)
                rows = active.order_by("pk").values_list("pk", "types")
                self._types = {pk: frozenset(types) for pk, types in rows}
                self._until = time.monotonic() + KNOWN_FOR_S
            return [pk for pk, types in self._types.items() if not types or type_name in types]

    def forget(self) -> None:
        self._until = float("-inf")


_known = _Known()


def connect() -> None:
    """Have the bus ask for subscriptions, and this process know of its own changes at once."""
    register_source(handlers)
    post_save.connect(_note_saved, sender=WebhookSubscription)
    post_delete.connect(_note_deleted, sender=WebhookSubscription)


def handlers(type_name: str) -> Iterator[Handler]:
    """A handler for each active subscription to a type (a source of the bus)."""
    for pk in _known.of(type_name):
        receiver = partial(deliver, pk)
        yield Handler(handler_name(pk), receiver, settings.WEBHOOK_TIMEOUT, outside=True)


def _note_saved(*, instance: WebhookSubscription, **_: Any) -> None:
    _known.forget()
    if not instance.is_active:
        _end(instance)


def _note_deleted(*, instance: WebhookSubscription, **_: Any) -> None:
    _known.forget()
    _end(instance)


def _end(subscription: WebhookSubscription) -> None:
    """Owe it nothing: what waits behind an open breaker would hold its events for ever."""
    name = handler_name(subscription.pk)
    Delivery.objects.filter(handler=name, status=Delivery.Status.PENDING).update(
        status=Delivery.Status.DISCARDED, finished_at=timezone.now()
    )
    breaker_of(name).forget()


def _body(event: StoredEvent) -> bytes:
    return msgspec.json.encode(envelope(event, settings.SITE_URL))


def _read(response: HTTPResponse) -> tuple[int, str]:
    """The status, and where it is no success the beginning of what the receiver says to it.

    It will stand in logs: nothing in it may end a line or steer a terminal.
    """
    if 200 <= response.status < 300:
        return response.status, ""
    content = b""
    with suppress(HTTPError, HTTPException, OSError):
        while len(content) < MOST_ANSWER_BYTES:
            part = response.read1(MOST_ANSWER_BYTES - len(content))
            if not part:
                break
            content += part
    text = content.decode(errors="replace")[:MOST_SHOWN]
    return response.status, "".join(each if each.isprintable() else " " for each in text)
