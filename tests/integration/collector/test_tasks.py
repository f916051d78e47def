"""What the worker does with a wake-up call."""

import pytest
from constance import config

from collector import tasks
from collector.models import Source
from collector.services import flushing
from monitoring.locks import only_process

pytestmark = pytest.mark.django_db


@pytest.fixture
def said(caplog, settings, tmp_path):
    Source.objects.create(kind=Source.Kind.SIMULATED)
    settings.VAR_DIR = tmp_path
    flushing.forget_state()
    caplog.set_level("INFO", "collector.tasks")
    return caplog


def test_a_flush_says_what_it_did(said):
    tasks.flush()
    assert said.messages == [f"flush: {flushing.FlushResult(reloads=1)}"]


def test_a_flush_beside_another_does_not_ask_postgres(said, django_assert_num_queries):
    with only_process("flush"), django_assert_num_queries(0):
        tasks.flush()
    assert said.messages == [f"flush: {flushing.FlushResult(busy=True)}"]


def test_a_flush_that_an_operator_switched_off_does_nothing(said):
    config.FLUSH_ENABLED = False
    tasks.flush()
    assert said.messages == []
