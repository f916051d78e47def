"""`manage.py restore`: make the database what it was at a backup."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collector.services.backing_up import BackupError, Manifest, is_empty, read_manifest, restore


class Command(BaseCommand):
    """Restores into an empty database, or asks before it replaces one."""

    help = "Make the database what it was at the time of a backup."
    requires_system_checks = ()  # the database may be empty

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the file and what may be replaced."""
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--replace", action="store_true", help="replace what the database holds"
        )
        parser.add_argument("--yes", action="store_true", help="don't ask")

    def handle(self, *_: Any, **options: Any) -> None:
        """Ask where something would be lost, and restore."""
        path = options["file"]
        try:
            manifest = read_manifest(path)
            if not is_empty():
                self._confirm(manifest, options["replace"], options["yes"])
            restore(path, replace=options["replace"])
        except BackupError as error:
            raise CommandError(f"Nothing was restored. {error}") from None
        self.stdout.write(f"Restored: {_describe(manifest)}.")

    def _confirm(self, manifest: Manifest, replace: bool, sure: bool) -> None:
        if not replace:
            raise BackupError("This database is not empty: --replace would replace what it holds.")
        if not sure:
            self.stdout.write(f"All that this database holds would become {_describe(manifest)}.")
            if input("Type replace to go on: ").strip() != "replace":
                raise BackupError("Nothing was replaced.")


def _describe(manifest: Manifest) -> str:
    newest = manifest.newest_feed_at
    through = f"feeds up to {newest:%Y-%m-%d %H:%M:%S}Z" if newest else "no feeds"
    return f"the backup of {manifest.made_at:%Y-%m-%d %H:%M}Z with {through}"
