"""`manage.py simulate_feed` as a process."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import urllib3

MANAGE = [sys.executable, str(Path(__file__).parents[4] / "manage.py"), "simulate_feed"]


def test_it_says_what_it_is_serves_and_ends_on_sigterm() -> None:
    command = [*MANAGE, "--port", "0", "--aircraft", "20", "--fault", "bad_records=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        first = process.stdout.readline()
        assert "SIMULATED" in first
        address = re.search(r"http://127.0.0.1:\d+/status.json", first)
        assert address
        status = urllib3.request("GET", address[0]).json()
        feed = json.loads(urllib3.request("GET", status["data"]["v3"][0]).data)
        assert feed["pilots"][0]["cid"] == "not a number"
        process.send_signal(signal.SIGTERM)
        assert "closed" in process.stdout.readline()
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--aircraft", "5"], "aircraft must be from 10"),
        (["--fault", "nonsense"], "there is no such fault"),
        (["--interval", "0"], "--interval must be"),
        (["--port", "70000"], "port must be"),
    ],
)
def test_wrong_options_end_with_a_sentence(options: list[str], reason: str) -> None:
    from django.core.management import CommandError, call_command

    with pytest.raises(CommandError, match=reason):
        call_command("simulate_feed", *options)
