"""Where the embedded servers keep their data and sockets."""

import fcntl
import hashlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

from vatsim_site.embedded.account import Account, account_for_servers
from vatsim_site.embedded.console import say

# sockaddr_un holds 108 bytes on Linux and 104 on macOS, the closing zero included.
LONGEST_SOCKET_PATH = 100


class PlaceError(Exception):
    """A folder can't serve; the message says which and why."""


class Places(NamedTuple):
    """The folders of the embedded servers, and whose they are."""

    account: Account
    home: Path  # of the data
    sockets: Path  # of PostgreSQL's socket
    control: Path  # of the supervisor's socket


def find_places(var_dir: Path) -> Places:
    """The folders, inside VAR_DIR where the servers' account can enter it and paths are short."""
    home, account = _find_home(var_dir)
    outside = outside_folder(var_dir)
    sockets, control = home / "sockets", var_dir / "run"
    if _too_long(sockets / ".s.PGSQL.5432"):
        sockets = _make_outside_folder(outside, account) / "sockets"
    if _too_long(control / "supervisor.sock.4194304"):
        control = _make_outside_folder(outside, account) / "run"
    control.mkdir(mode=0o700, exist_ok=True)
    account.make_private_folder(sockets)
    return Places(account, home, sockets, control)


def outside_folder(var_dir: Path) -> Path:
    """The folder that stands in for VAR_DIR where that can't be used, another for each."""
    key = hashlib.sha256(os.fsencode(var_dir)).hexdigest()[:12]
    return Path("/var/tmp") / f"vatsim-{key}"  # noqa: S108 - its owner is checked


def _find_home(var_dir: Path) -> tuple[Path, Account]:
    inside, outside = var_dir / "servers", outside_folder(var_dir)
    if (outside / "postgres").exists():
        account = account_for_servers(outside / "postgres")
        return _use_outside(outside, account, var_dir), account
    account = account_for_servers(inside / "postgres")
    account.make_private_folder(inside)
    if account.can_reach(inside):
        return inside, account
    if (inside / "postgres").exists():
        raise PlaceError(f"The user {account.name} can't enter {inside}, which holds the data.")
    inside.rmdir()
    return _use_outside(outside, account, var_dir), account


def _use_outside(outside: Path, account: Account, var_dir: Path) -> Path:
    say(
        f"PostgreSQL and Valkey run as the user {account.name}, who can't enter {var_dir}:\n"
        f"  their data lie in {outside}."
    )
    _make_outside_folder(outside, account)
    # systemd-tmpfiles removes old files from /var/tmp, but not below a locked folder. The
    # descriptor stays open, and so the lock taken, until this process ends.
    fcntl.flock(os.open(outside, os.O_RDONLY), fcntl.LOCK_SH)
    return outside


def _make_outside_folder(folder: Path, account: Account) -> Path:
    # Anyone may have made a folder, or a link, of this name before us.
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), account.uid}:
        raise PlaceError(
            f"{folder} belongs to somebody else: remove it, or choose another VAR_DIR."
        )
    return account.make_private_folder(folder)


def _too_long(path: Path) -> bool:
    return len(os.fsencode(path)) > LONGEST_SOCKET_PATH
