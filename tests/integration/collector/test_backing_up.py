import json
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from zipfile import ZipFile

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from collector.models import ErasedMember, Flight, Poll, Source
from collector.positions import HOT, partitions
from collector.privacy import pseudonym
from collector.services import backing_up, flushing
from collector.services.backing_up import BackupError, back_up, read_manifest, restore
from collector.services.compacting import compact
from collector.services.erasing import erase_member
from collector.services.flushing import flush
from collector.services.polling import Fetched, take
from monitoring.models import Event
from tests.integration.collector.simulated import body, simulated, times
from tests.integration.collector.tables import contents


class Databases:
    """Databases beside Django's own, since a backup sees only what was committed."""

    def __init__(self) -> None:
        self._original = connection.settings_dict["NAME"]
        self._made: list[str] = []

    def use(self, name: str) -> None:
        """Go on in the database of that name."""
        connection.close()
        flushing.forget_state()
        connection.settings_dict["NAME"] = self._full(name)

    def make(self, name: str, template: str = "") -> None:
        """Make an empty database, or a copy of another, and go on in it."""
        connection.close()
        copied = self._full(template) if template else "template0"
        _administer(f'CREATE DATABASE "{self._full(name)}" TEMPLATE "{copied}"')
        self._made.append(name)
        self.use(name)

    def drop(self, keep: tuple[str, ...] = ()) -> None:
        """Drop all others, and go on in Django's own."""
        connection.close()
        flushing.forget_state()
        connection.settings_dict["NAME"] = self._original
        for name in set(self._made) - set(keep):
            _administer(f'DROP DATABASE "{self._full(name)}" WITH (FORCE)')
            self._made.remove(name)

    def _full(self, name: str) -> str:
        return f"{name}_{os.getpid()}"


def _administer(statement: str) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(statement)


@pytest.fixture(scope="module")
def migrated(django_db_blocker) -> Iterator[Databases]:
    """A database named "migrated" with all tables."""
    databases = Databases()
    with django_db_blocker.unblock():
        databases.make("migrated")
        call_command("migrate", verbosity=0)
        yield databases
        databases.drop()


@pytest.fixture
def database(migrated) -> Iterator[Databases]:
    """Databases that go with the test."""
    yield migrated
    migrated.drop(keep=("migrated",))


def _collect(buffer, feeds) -> None:
    Source.objects.get_or_create(pk=1, defaults={"kind": Source.Kind.SIMULATED})
    for at in feeds:
        data, radios = map(body, simulated(at))
        take(Fetched(data, radios, "", timezone.now(), 0.1), buffer, "simulated")
    flush(buffer)


@pytest.fixture
def collected(database, buffer) -> None:
    """A database with hot and cold positions, in use."""
    database.make("first", template="migrated")
    _collect(buffer, times(6, step_s=240))
    compact()


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "site.backup"


def _comparable() -> dict[str, list[str]]:
    """All tables but the one row whose count of erasures tells processes to read anew."""
    found = contents()
    del found[Source._meta.db_table]
    return found


def test_a_restored_database_equals_the_one_backed_up(collected, database, file):
    before = _comparable()
    assert all(before[table] for table in (HOT, "collector_trackwindow", Flight._meta.db_table))
    back_up(file)
    database.make("other")
    restore(file)
    assert _comparable() == before
    assert Source.objects.get().kind == Source.Kind.SIMULATED


def test_a_restored_database_goes_on_as_the_one_backed_up(collected, database, buffer, file):
    back_up(file)
    further = times(8, step_s=240)[6:]
    _collect(buffer, further)
    compact()
    expected = _comparable()
    buffer.redis.flushdb()
    database.make("other")
    restore(file)
    _collect(buffer, further)
    compact()
    # The moments of fetching and publishing differ.
    for table in (expected, restored := _comparable()):
        del table[Poll._meta.db_table]
        table[Event._meta.db_table] = [row.split(",")[1] for row in table[Event._meta.db_table]]
    assert restored == expected


def test_a_restored_database_can_be_backed_up_and_restored_again(collected, database, file):
    before = _comparable()
    for name in ("other", "another"):
        back_up(file)
        database.make(name)
        restore(file)
    assert _comparable() == before


def test_a_backup_is_of_one_moment_and_nobody_waits_for_it(
    collected, database, buffer, file, monkeypatch
):
    before, hot = _comparable(), partitions(HOT)
    dump = backing_up._dump

    def go_on() -> None:
        """What other processes do: this thread has a connection of its own."""
        _collect(buffer, times(10, step_s=240)[6:])
        assert compact() == 0  # it leaves the partitions that the backup needs
        assert set(partitions(HOT)) > set(hot)
        connection.close()

    def dump_while_the_site_goes_on(*arguments) -> None:
        with ThreadPoolExecutor(1) as another:
            another.submit(go_on).result()
        dump(*arguments)

    monkeypatch.setattr(backing_up, "_dump", dump_while_the_site_goes_on)
    back_up(file)
    assert compact() > 0
    database.make("other")
    restore(file)
    assert _comparable() == before


def test_a_backup_is_whole_and_its_owner_s_alone(collected, file, monkeypatch):
    back_up(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first = file.read_bytes()

    def fail(*_: object) -> None:
        raise BackupError("The disk is full.")

    monkeypatch.setattr(backing_up, "_dump", fail)
    with pytest.raises(BackupError, match="full"):
        back_up(file)
    assert file.read_bytes() == first
    assert list(file.parent.iterdir()) == [file]


def test_the_manifest_says_what_a_backup_holds(collected, file):
    manifest = back_up(file)
    assert read_manifest(file) == manifest
    assert manifest.source == Source.Kind.SIMULATED
    assert manifest.newest_feed_at == times(6, step_s=240)[-1]
    assert ("collector", "0001_initial") in manifest.migrations


def test_a_database_that_is_not_empty_is_replaced_only_when_told_so(collected, buffer, file):
    before = _comparable()
    back_up(file)
    _collect(buffer, times(8, step_s=240)[6:])
    now = _comparable()
    with pytest.raises(BackupError, match="not empty"):
        restore(file)
    assert _comparable() == now
    restore(file, replace=True)
    assert _comparable() == before


def test_a_restore_that_fails_leaves_everything_as_it_was(collected, file):
    back_up(file)
    with ZipFile(file) as archive:
        manifest, dump = (archive.read(name) for name in archive.namelist())
    with ZipFile(file, "w") as archive:
        archive.writestr(backing_up.MANIFEST, manifest)
        archive.writestr(backing_up.DUMP, dump[: len(dump) // 2])
    before = contents()
    with pytest.raises(BackupError, match="pg_restore failed"):
        restore(file, replace=True)
    assert contents() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"migrations": [["collector", "9999_of_the_future"]]}, "another release"),
        ({"postgres": 99}, "PostgreSQL 99"),
        ({"source": "live"}, "the live network"),
    ],
)
def test_a_backup_that_does_not_fit_is_refused(collected, database, file, change, message):
    back_up(file)
    with ZipFile(file) as archive:
        manifest, dump = (archive.read(name) for name in archive.namelist())
    with ZipFile(file, "w") as archive:
        archive.writestr(backing_up.MANIFEST, json.dumps(json.loads(manifest) | change))
        archive.writestr(backing_up.DUMP, dump)
    before = contents()
    with pytest.raises(BackupError, match=message):
        restore(file, replace=True)
    assert contents() == before
    database.make("other")
    with pytest.raises(BackupError, match=message):
        restore(file)
    assert contents() == {}


@pytest.mark.parametrize("content", [b"", b"PK nothing", b"{}"])
def test_a_file_that_is_no_backup_is_refused(database, file, content):
    file.write_bytes(content)
    database.make("other")
    with pytest.raises(BackupError, match="can't be read"):
        restore(file)


def test_a_member_erased_since_the_backup_stays_erased(collected, file):
    flight = Flight.objects.active().first()
    back_up(file)
    erase_member(flight.cid)
    erasures = Source.objects.get().erasures
    restore(file, replace=True)
    assert not Flight.objects.filter(cid=flight.cid).exists()
    assert Flight.objects.filter(cid=pseudonym(flight.cid), name="").exists()
    assert ErasedMember.objects.filter(pk=pseudonym(flight.cid)).exists()
    assert Source.objects.get().erasures > erasures


def test_nothing_is_replaced_while_redis_is_away(collected, file, settings):
    back_up(file)
    before = contents()
    settings.REDIS_BUFFER_URL = "redis://127.0.0.1:1/1"
    with pytest.raises(BackupError, match="Redis does not answer"):
        restore(file, replace=True)
    assert contents() == before


def test_the_commands_say_what_they_did(collected, database, file, monkeypatch):
    said = StringIO()
    call_command("backup", str(file), stdout=said)
    assert "with feeds up to 2026-03-01 12:20:00Z" in said.getvalue()
    with pytest.raises(CommandError, match="--replace"):
        call_command("restore", str(file))
    monkeypatch.setattr("builtins.input", lambda _: "no")
    with pytest.raises(CommandError, match="Nothing was"):
        call_command("restore", str(file), "--replace", stdout=said)
    database.make("other")
    call_command("restore", str(file), stdout=said)
    assert "Restored: the backup of" in said.getvalue()


def test_programs_older_than_the_server_are_not_used(collected, file, settings, tmp_path):
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho pg_dump '(PostgreSQL)' 9.6\n")
    program.chmod(0o755)
    settings.POSTGRES_CLIENTS = [tmp_path]
    with pytest.raises(BackupError, match="point PG_BIN at newer programs"):
        back_up(file)
    settings.POSTGRES_CLIENTS = []
    with pytest.raises(BackupError, match="pg_dump is not here"):
        back_up(file)
