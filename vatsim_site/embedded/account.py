"""The account that the embedded servers run as: PostgreSQL refuses to run as root."""

import os
import pwd
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

UNPRIVILEGED_NAMES = ("postgres", "nobody")


class NoAccountError(Exception):
    """There is no user on this machine that the servers could run as."""


class Account(NamedTuple):
    """A user of this machine."""

    name: str
    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        """Whether this process runs as this account."""
        return self.uid == os.geteuid()

    @property
    def popen_options(self) -> dict[str, Any]:
        """What `subprocess` needs to run a command as this account, and as nothing more."""
        if self.is_ours:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def make_private_folder(self, folder: Path) -> Path:
        """Make `folder` if needed, owned by this account and closed to all others but root."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.own(folder, 0o700)
        return folder

    def own(self, path: Path, mode: int) -> None:
        """Give one file or folder to this account."""
        # Whoever owns the folder may have put a link here: it is not followed.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fchmod(descriptor, mode)
            if not self.is_ours:
                os.fchown(descriptor, self.uid, self.gid)
        finally:
            os.close(descriptor)

    def can_reach(self, path: Path) -> bool:
        """Whether this account may enter the folder, or run the program, at `path`."""
        command = ["/bin/test", "-x", str(path)]
        check = subprocess.run(command, cwd="/", check=False, **self.popen_options)
        return check.returncode == 0


def account_for_servers(data_folder: Path) -> Account:
    """The owner of the data where there are some; else an unprivileged user, or ourselves.

    A database made by an ordinary user stays usable when root starts the system later.
    """
    if os.geteuid() != 0:
        return _account(pwd.getpwuid(os.geteuid()))
    if data_folder.exists() and (owner := data_folder.stat().st_uid) != 0:
        return _account(pwd.getpwuid(owner))
    return _unprivileged()


def _unprivileged() -> Account:
    for name in UNPRIVILEGED_NAMES:
        try:
            return _account(pwd.getpwnam(name))
        except KeyError:
            continue
    raise NoAccountError(
        f"PostgreSQL does not run as root, and there is no user {' or '.join(UNPRIVILEGED_NAMES)}."
    )


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
