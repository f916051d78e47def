"""What set-up leaves in VAR_DIR: secrets, and the addresses of the embedded servers."""

import json
import os
import secrets
from pathlib import Path
from typing import NamedTuple


class Addresses(NamedTuple):
    """Where the embedded PostgreSQL and the Redis-compatible server answer."""

    database_url: str
    redis_url: str


# What a machine with both servers at their usual places would answer to.
USUAL_ADDRESSES = Addresses("postgresql:///vatsim", "redis://127.0.0.1:6379")


def addresses_file(var_dir: Path) -> Path:
    """The file that `make run` writes the embedded servers' addresses to."""
    return var_dir / "embedded.json"


def read_addresses(var_dir: Path) -> Addresses:
    """The embedded servers' addresses, or the usual ones where none can be read."""
    try:
        return Addresses(**json.loads(addresses_file(var_dir).read_text()))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return USUAL_ADDRESSES


def write_addresses(var_dir: Path, addresses: Addresses) -> None:
    """Keep the addresses, which hold passwords, for `manage.py` beside the running system."""
    write_private(addresses_file(var_dir), json.dumps(addresses._asdict()))


def secret_file(var_dir: Path, name: str) -> Path:
    """The file of the secret `name`."""
    return var_dir / "secrets" / name


def read_secret(var_dir: Path, name: str) -> str:
    """The secret `name` made at set-up, or an empty string where none can be read."""
    try:
        return secret_file(var_dir, name).read_text().strip()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return ""


def make_secret(var_dir: Path, name: str, size: int = 48) -> str:
    """The secret `name`; the first call makes it from `size` random bytes and keeps it."""
    secret = read_secret(var_dir, name)
    if not secret:
        secret = secrets.token_urlsafe(size)
        secret_file(var_dir, name).parent.mkdir(mode=0o700, exist_ok=True)
        write_private(secret_file(var_dir, name), secret)
    return secret


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
