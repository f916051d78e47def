"""Starts the whole system on one machine, says when it is ready, and ends it in order."""

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from vatsim_site.embedded import installation
from vatsim_site.embedded.account import NoAccountError
from vatsim_site.embedded.console import say
from vatsim_site.embedded.leftovers import MARKER
from vatsim_site.embedded.places import PlaceError
from vatsim_site.embedded.preparation import PreparationError
from vatsim_site.embedded.programs import ProgramsMissingError
from vatsim_site.embedded.run import ENDING_SIGNALS, Run, StartError
from vatsim_site.environment import Environment

BASE_DIR = Path(__file__).resolve().parents[2]
SECRETS = ("secret_key", "pseudonym_key", "postgres_password", "redis_password", "flower_password")


def main() -> int:
    """Run the system until Ctrl-C or SIGTERM; 2 for a bad setting, 1 for another failure."""
    for number in ENDING_SIGNALS:
        # nohup ignores SIGHUP for good; that a script's shell ignores SIGINT for us means nothing.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end_once)
    try:
        var_dir = Environment().path("VAR_DIR", BASE_DIR / "var")
        with only_run(var_dir):
            configure(var_dir)
            Run(settings, var_dir).run()
    except ImproperlyConfigured as error:
        say(str(error))
        return 2
    except PreparationError as error:
        return error.exit_status
    except (StartError, PlaceError, ProgramsMissingError, NoAccountError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _end_once(*_: object) -> None:
    """Begin to end; another signal, as of a terminal that closes, must not disturb that."""
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def only_run(var_dir: Path) -> Iterator[None]:
    """Make VAR_DIR and hold it; the hold ends with this process, however that ends."""
    try:
        var_dir.mkdir(parents=True, exist_ok=True)
        lock = (var_dir / "run.lock").open("a+")
    except OSError as error:
        raise ImproperlyConfigured(
            f"VAR_DIR: can't write in {var_dir}: {error.strerror}."
        ) from None
    with lock:
        lock.seek(0)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(
                f"The system already runs in {var_dir} (process {lock.read()}): "
                "end that first, or choose another VAR_DIR."
            ) from None
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def configure(var_dir: Path) -> None:
    """Make the secrets, check every setting, and pass on what all processes need."""
    for name in SECRETS:
        installation.make_secret(var_dir, name)
    # Reading one setting reads, and so checks, all of them.
    os.environ |= {"VAR_DIR": str(var_dir), "FEED": settings.FEED, MARKER: str(var_dir)}
    os.chdir(BASE_DIR)
