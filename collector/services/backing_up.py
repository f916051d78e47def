"""Backs up the whole database to one file, and restores it from there.

The file is a ZIP archive of a manifest and of a dump in PostgreSQL's custom format, both of one
moment. It holds everything that PostgreSQL does, members' names and password hashes included.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Literal
from zipfile import BadZipFile, ZipFile

import msgspec
import psycopg
import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from collector.buffer import FeedBuffer
from collector.models import ControllerSession, ErasedMember, Flight, Poll, Prefile, Source
from collector.positions import partitions_kept
from collector.privacy import pseudonym
from collector.services import flushing, sources
from collector.services.erasing import erase_member
from collector.snapshots import withdraw
from monitoring.outgoing import USER_AGENT

MANIFEST, DUMP = "manifest.json", "database.dump"
REPLACED = "replaced"  # the schema that holds the old tables while others are restored
_PIECE = 2**20  # bytes passed on at once


class BackupError(Exception):
    """A backup or restore that can't be; says why in a sentence."""


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds: applied migrations, kind of source, time of its newest feed.

    `postgres` is the server's major version.
    """

    made_by: str
    made_at: datetime
    postgres: int
    migrations: list[tuple[str, str]]
    source: str | None
    newest_feed_at: datetime | None


# --- Backup -------------------------------------------------------------------------------------


def back_up(path: Path) -> Manifest:
    """Write a backup of this moment, readable by its owner only, while collection goes on.

    Raises `BackupError`. A file that was there is replaced once the new one is complete.
    """
    # pg_dump names every table first and locks it then: meanwhile none may go.
    with partitions_kept(), transaction.atomic():
        snapshot = _export_snapshot()
        manifest = _manifest()
        with _written_whole(path) as file, ZipFile(file, "w") as archive:
            archive.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
            with archive.open(DUMP, "w", force_zip64=True) as dump:
                _dump(snapshot, dump)
    return manifest


def _export_snapshot() -> str:
    """Freeze what this transaction sees, so that pg_dump sees the same."""
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_export_snapshot()")
        return str(cursor.fetchone()[0])


def _manifest() -> Manifest:
    source = Source.objects.first()
    return Manifest(
        made_by=USER_AGENT,
        made_at=timezone.now(),
        postgres=_server_version(),
        migrations=sorted(MigrationRecorder(connection).applied_migrations()),
        source=source.kind if source else None,
        newest_feed_at=Poll.objects.values_list("feed_at", flat=True).first(),
    )


@contextmanager
def _written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name when it is complete and on disk, and else leaves no trace."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def _dump(snapshot: str, target: IO[bytes]) -> None:
    options = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}")
    with _running("pg_dump", *options, pipe="stdout") as output:
        shutil.copyfileobj(output, target, _PIECE)


# --- Restore ------------------------------------------------------------------------------------


def read_manifest(path: Path) -> Manifest:
    """What a backup says of itself. Raises `BackupError`."""
    try:
        with ZipFile(path) as archive:
            return msgspec.json.decode(archive.read(MANIFEST), type=Manifest)
    except (OSError, BadZipFile, KeyError, msgspec.MsgspecError) as error:
        raise BackupError(f"{path} can't be read as a backup: {error}.") from None


def is_empty() -> bool:
    """Whether the database has no table."""
    return not connection.introspection.table_names()


def restore(path: Path, *, replace: bool = False) -> Manifest:
    """Make the database what it was at the time of a backup, brought up to this release.

    A database that is not empty is only replaced if `replace` says so, by a backup of the same
    kind of source; it stays as it is if that fails. Whoever was erased since the backup is erased
    again. Raises `BackupError`.
    """
    manifest = read_manifest(path)
    _require_redis()
    _require_known(manifest)
    before = _Before() if is_empty() else _Before.read()
    _require_fitting(manifest, before)
    if not is_empty() and not replace:
        raise BackupError("This database is not empty.")
    with _flushes_locked_out():
        with _moved_away():
            _restore_dump(path)
        call_command("migrate", verbosity=0, interactive=False)
        _note_restore(before)
    _erase_again(before.erased)
    return manifest


@dataclass(frozen=True, slots=True)
class _Before:
    """What a database must not forget when it is replaced, and what it is for."""

    source: str | None = None
    erasures: int = 0
    erased: frozenset[int] = frozenset()

    @classmethod
    def read(cls) -> "_Before":
        """That of the database as it is."""
        present = connection.introspection.table_names()
        if not {Source._meta.db_table, ErasedMember._meta.db_table} <= set(present):
            raise BackupError("This database holds tables of something else.")
        source = Source.objects.first()
        erased = frozenset(ErasedMember.objects.values_list("pk", flat=True))
        return cls(source.kind, source.erasures, erased) if source else cls(erased=erased)


def _require_redis() -> None:
    """Refuse to begin while it could not be told what has changed."""
    try:
        FeedBuffer().redis.ping()
    except redis.RedisError as error:
        raise BackupError(f"Redis does not answer: {error}.") from None


def _require_known(manifest: Manifest) -> None:
    """Refuse what a later release made."""
    known = MigrationLoader(None).disk_migrations
    later = [f"{app}.{name}" for app, name in manifest.migrations if (app, name) not in known]
    if later:
        raise BackupError(f"The backup is of another release: {later[-1]} is not known here.")
    if manifest.postgres > _server_version():
        raise BackupError(
            f"The backup is of PostgreSQL {manifest.postgres}, this is {_server_version()}."
        )


def _require_fitting(manifest: Manifest, before: _Before) -> None:
    """Refuse another kind of source than the database's, or than the settings ask for."""
    wanted = before.source or sources.wanted_kind()
    if manifest.source and wanted and wanted != manifest.source:
        raise BackupError(
            f"The backup holds {Source.Kind(manifest.source).label}, and this database is for "
            f"{Source.Kind(wanted).label}: use another VAR_DIR or DATABASE_URL."
        )


@contextmanager
def _flushes_locked_out() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [flushing.LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [flushing.LOCK])


@contextmanager
def _moved_away() -> Iterator[None]:
    """Put the tables out of the way; drop them at the end, or put them back after an error."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", [REPLACED])
        if cursor.fetchone()[0]:
            raise BackupError(
                f"An earlier restore broke off. Its old tables stand in the schema {REPLACED}: "
                "rename it to public, or drop it."
            )
        cursor.execute(
            f"ALTER SCHEMA public RENAME TO {REPLACED};"
            "CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC"
        )
        try:
            yield
        except BaseException:
            cursor.execute(f"DROP SCHEMA public CASCADE; ALTER SCHEMA {REPLACED} RENAME TO public")
            raise
        cursor.execute(f"DROP SCHEMA {REPLACED} CASCADE")


def _restore_dump(path: Path) -> None:
    try:
        with ZipFile(path) as archive, archive.open(DUMP) as dump:
            _load(dump)
    except (OSError, BadZipFile, KeyError) as error:
        raise BackupError(f"{path} can't be read: {error}.") from None


def _load(dump: IO[bytes]) -> None:
    options = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
    # If it ends before it has read all, what it said is the better message.
    with (
        _running("pg_restore", *options, pipe="stdin") as target,
        suppress(BrokenPipeError),
        target,
    ):
        shutil.copyfileobj(dump, target, _PIECE)


def _note_restore(before: _Before) -> None:
    """Let no process go on with what it knew before."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    ErasedMember.objects.bulk_create(
        [ErasedMember(pk=alias) for alias in before.erased], ignore_conflicts=True
    )
    if source := Source.objects.first():
        source.erasures = max(source.erasures, before.erasures) + 1
        source.save(update_fields=["erasures"])
        flushing.refresh_lists()
    withdraw()


def _erase_again(erased: frozenset[int]) -> None:
    """Erase the members who were erased after the backup was made."""
    if not erased:
        return
    cids: set[int] = set()
    for model in (Flight, ControllerSession, Prefile):
        cids.update(model.objects.filter(cid__gt=0).values_list("cid", flat=True).distinct())
    for cid in cids:
        if pseudonym(cid) in erased:
            erase_member(cid)


# --- PostgreSQL's programs ----------------------------------------------------------------------


def _server() -> psycopg.ConnectionInfo:
    connection.ensure_connection()
    info: psycopg.ConnectionInfo = connection.connection.info
    return info


def _server_version() -> int:
    return _server().server_version // 10_000


@contextmanager
def _running(program: str, *options: str, pipe: Literal["stdin", "stdout"]) -> Iterator[IO[bytes]]:
    """The pipe to or from a program at work on the database.

    Raises `BackupError` with what it said if it fails.
    """
    info = _server()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [_program(program), *options, f"--dbname={info.dsn}"],
            stderr=errors,
            env={**os.environ, "PGPASSWORD": info.password},  # not in the list of processes
            stdin=subprocess.PIPE if pipe == "stdin" else subprocess.DEVNULL,
            stdout=subprocess.PIPE if pipe == "stdout" else subprocess.DEVNULL,
        )
        with process:
            try:
                yield getattr(process, pipe)
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            errors.seek(0)
            said = errors.read()[-1000:].decode(errors="replace").strip()
            raise BackupError(f"{program} failed: {said}")


def _program(name: str) -> Path:
    """The newest one there is; one that is older than the server would refuse to work."""
    found = [folder / name for folder in settings.POSTGRES_CLIENTS if (folder / name).exists()]
    if not found:
        raise BackupError(f"{name} is not here: point PG_BIN at a folder that holds it.")
    versions = {_version(program): program for program in found}
    newest = max(versions)
    if newest < _server_version():
        raise BackupError(
            f"{versions[newest]} is of PostgreSQL {newest}, the server of {_server_version()}: "
            "point PG_BIN at newer programs."
        )
    return versions[newest]


def _version(program: Path) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, check=True, text=True)
    found = re.search(r"\d+", said.stdout)
    return int(found[0]) if found else 0
