"""`manage.py backup`: write the database to a file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collector.services.backing_up import BackupError, back_up


class Command(BaseCommand):
    """Writes one file, while the system goes on."""

    help = (
        "Write a backup of the database to one file that only its owner can read. "
        "The system goes on meanwhile. Keep PSEUDONYM_KEY with it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the file."""
        parser.add_argument("file", type=Path)

    def handle(self, *_: Any, **options: Any) -> None:
        """Write, and say what was written."""
        path: Path = options["file"]
        try:
            manifest = back_up(path)
        except (BackupError, OSError) as error:
            raise CommandError(str(error)) from None
        newest = manifest.newest_feed_at
        through = f"with feeds up to {newest:%Y-%m-%d %H:%M:%S}Z" if newest else "without feeds"
        self.stdout.write(f"{path}: {path.stat().st_size:,} bytes, {through}")
