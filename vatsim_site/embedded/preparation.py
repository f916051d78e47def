"""Bringing database and static files up to date before the site starts."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from django.conf import LazySettings

from vatsim_site.embedded import installation

TYPED_SECRET_SIZE = 12  # bytes: 16 letters, for a person to type


class PreparationError(Exception):
    """`manage.py prepare` failed, and has said why."""

    def __init__(self, exit_status: int) -> None:
        super().__init__("The set-up did not finish.")
        self.exit_status = exit_status


class Preparation(NamedTuple):
    """What was found or made."""

    feed_source: str  # live, simulated or recorded
    made_superuser: bool


def prepare(var_dir: Path, settings: LazySettings) -> Preparation:
    """Run `manage.py prepare`, with a random password for `admin` unless one is set."""
    kept = installation.secret_file(var_dir, "admin_password")
    is_new = not settings.ADMIN_PASSWORD and not kept.exists()
    password = settings.ADMIN_PASSWORD or installation.make_secret(
        var_dir, "admin_password", TYPED_SECRET_SIZE
    )
    prepared = _run(Path(settings.BASE_DIR), password)
    if is_new and not prepared.made_superuser:
        kept.unlink()  # there was an administrator already, with another password
    return prepared


def _run(base_dir: Path, password: str) -> Preparation:
    done = subprocess.run(
        [sys.executable, base_dir / "manage.py", "prepare"],
        env=os.environ | {"ADMIN_PASSWORD": password},
        stdout=subprocess.PIPE,  # the result; what people read goes to stderr
        text=True,
        check=False,
        start_new_session=True,  # Ctrl-C is for the launcher, which ends this too
    )
    if done.returncode:
        raise PreparationError(done.returncode)
    return Preparation(**json.loads(done.stdout.splitlines()[-1]))
