"""`python -m benchmarks [NAME …]`: all benchmarks, or those that are named.

They are cycle, reads, api, breakers, events. FULL=1 adds the cycle at 100,000 aircraft.
"""

import os
import sys

SIZES = [2_000, 20_000] + ([100_000] if os.environ.get("FULL") == "1" else [])
NAMES = ("cycle", "reads", "api", "breakers", "events")


def main(names: list[str]) -> None:
    """Run the benchmarks on servers of their own."""
    from benchmarks.servers import running

    with running() as servers:
        os.environ["DJANGO_SETTINGS_MODULE"] = "vatsim_site.settings"
        import django

        django.setup()
        from benchmarks import api, breakers, cycle, events, reads

        if "cycle" in names:
            for aircraft in SIZES:
                _empty()
                cycle.run(aircraft, servers)
        if "reads" in names:
            _empty()
            reads.run()
        if "api" in names:
            _empty()
            api.run()
        if "breakers" in names:
            _empty()
            breakers.run()
        if "events" in names:
            _empty()
            events.run()


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
    unknown = set(sys.argv[1:]) - set(NAMES)
    if unknown:
        sys.exit(
            f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}."
        )
    main(sys.argv[1:] or list(NAMES))
