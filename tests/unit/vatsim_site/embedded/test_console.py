import os
import sys

import pytest

from vatsim_site.embedded.console import say


def test_a_reader_that_went_away_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb", buffering=0) as gone:  # noqa: PTH123 - a descriptor, not a path
        monkeypatch.setattr(sys, "stdout", Unbuffered(gone))
        say("Ending ...")


class Unbuffered:
    def __init__(self, file) -> None:
        self._file = file

    def write(self, text: str) -> None:
        self._file.write(text.encode())

    def flush(self) -> None:
        self._file.flush()
