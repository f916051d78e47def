"""One process of a machine at a time, for as long as that process lives."""

import subprocess
import sys

import pytest

from monitoring.locks import only_process

HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "ab")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def var_dir(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    return settings.VAR_DIR


def test_the_second_is_told_and_the_next_is_let_in():
    with only_process("flush") as first, only_process("flush") as second:
        assert (first, second) == (True, False)
    with only_process("flush") as third:
        assert third


def test_names_do_not_hinder_each_other():
    with only_process("flush") as one, only_process("other") as another:
        assert one
        assert another


def test_an_error_ends_it():
    with pytest.raises(ZeroDivisionError), only_process("flush"):
        _ = 1 // 0
    with only_process("flush") as is_alone:
        assert is_alone


def test_it_ends_with_a_process_that_is_killed(var_dir):
    var_dir.mkdir()
    command = [sys.executable, "-c", HOLD, var_dir / "flush.lock"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        with only_process("flush") as is_alone:
            assert not is_alone
        holder.kill()
        holder.wait()
        with only_process("flush") as is_alone:
            assert is_alone
