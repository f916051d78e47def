"""docs/events.md is true."""

import pytest
from django.conf import settings

from monitoring.events.catalogue import catalogue, publishers_of
from monitoring.events.signals import EventSignal

PROMISED = [
    "FLIGHT_CREATED",
    "FLIGHT_UPDATED",
    "FLIGHT_COMPLETED",
    "FLIGHT_CANCELLED",
    "CONTROLLER_LOGON",
    "CONTROLLER_LOGOFF",
    "FREQUENCY_CHANGE",
    "POSITION_UPDATE",
    "SERVICE_STARTED",
    "SERVICE_STOPPED",
    "HEALTH_CHECK",
    "ERROR_OCCURRED",
    "DATA_FETCHED",
    "DATA_PROCESSED",
    "DATA_STORED",
    "DATA_CACHED",
]


def test_the_page_says_what_the_code_declares():
    page = (settings.BASE_DIR / "docs" / "events.md").read_text()
    assert page == catalogue(), "run manage.py describe_events > docs/events.md"


@pytest.mark.parametrize("name", PROMISED)
def test_every_promised_type_is_published(name):
    assert publishers_of(EventSignal.types[name])
