"""`python -m benchmarks [cycle|reads|api …]`: run all benchmarks, or those that are named."""

import os
import sys
from typing import Any


def main(names: list[str]) -> None:
    """Run the benchmarks on servers of their own."""
    from benchmarks.servers import running

    with running() as servers:
        os.environ["DJANGO_SETTINGS_MODULE"] = "vatsim_site.settings"
        import django

        django.setup()
        from benchmarks import cycle

        sizes = [2_000, 20_000] + ([100_000] if os.environ.get("FULL") == "1" else [])
        for aircraft in sizes:
            _empty()
            cycle.run(aircraft, servers, cycles=65 if aircraft < 100_000 else 10)


def _empty() -> None:
    """Begin with no rows and no keys."""
    import redis
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    from collector.models import Source
    from collector.services import flushing

    redis.Redis.from_url(settings.REDIS_URL).flushall()
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    call_command("migrate", verbosity=0)
    Source.objects.create(kind=Source.Kind.SIMULATED)
    flushing.forget_state()


if __name__ == "__main__":
    main(sys.argv[1:])
