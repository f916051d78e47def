"""`manage.py build_basemap`: the outlines of land, made of the npm package world-atlas."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from collector.basemap import rings_of, write_land

SOURCE = Path("node_modules", "world-atlas", "land-50m.json")


class Command(BaseCommand):
    """Writes the outlines that drawings show, unless they are newer than the package."""

    help = "Make the outlines of land behind drawn tracks out of what `npm ci` installed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where the outlines come from."""
        parser.add_argument("--source", type=Path, default=settings.BASE_DIR / SOURCE)

    def handle(self, *, source: Path, **_: Any) -> None:
        """Read TopoJSON, write rings."""
        target: Path = settings.LAND_FILE
        try:
            changed = source.stat().st_mtime
        except FileNotFoundError:
            raise CommandError(f"There is no {source}: `npm ci` brings it.") from None
        if target.exists() and target.stat().st_mtime >= changed:
            return
        write_land(target, rings_of(json.loads(source.read_bytes())))
