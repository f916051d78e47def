"""`python -m vatsim_site.process NAME`: one process of the system, for a container."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from vatsim_site.embedded.processes import PYTHON, site_commands

PREPARE = (PYTHON, "manage.py", "prepare")


def main(name: str) -> None:
    """Become the process `name`, or end with a sentence that says why not."""
    # Before the settings are read: they depend on it.
    os.environ["PROCESS_NAME"] = name
    try:
        commands = {"prepare": PREPARE, **site_commands(settings)}
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    if name not in commands:
        sys.exit(f"There is no process {name!r}, but {', '.join(commands)}.")
    command = commands[name]
    os.execv(command[0], command)  # noqa: S606 - signals must reach the process itself


if __name__ == "__main__":
    main(*sys.argv[1:])
