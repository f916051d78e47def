"""`manage.py erase_member`: forget who a member is."""

from argparse import ArgumentParser
from typing import Any

import redis
from django.core.management.base import BaseCommand, CommandError

from collector.services.erasing import ErasureConflict, erase_member


class Command(BaseCommand):
    """Asks before it erases, and prints what it changed."""

    help = (
        "Put a pseudonym in place of a member's CID and drop the name, everywhere and for all "
        "later feeds. Flights, facts and counts stay. This can't be undone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the member."""
        parser.add_argument("cid", type=int)
        parser.add_argument("--yes", action="store_true", help="don't ask")

    def handle(self, *_: Any, **options: Any) -> None:
        """Ask, erase and say what was changed."""
        cid = options["cid"]
        if cid <= 0:
            raise CommandError("A CID is a positive number; a negative one is a pseudonym already.")
        if not options["yes"] and not _confirmed(cid):
            raise CommandError("Nothing was erased.")
        try:
            erasure = erase_member(cid)
        except ErasureConflict as error:
            raise CommandError(f"Nothing was erased. {error}") from None
        except redis.RedisError as error:
            raise CommandError(
                f"Redis does not answer ({error}) and may still name the member: run this again."
            ) from None
        self.stdout.write(f"The member is {erasure.pseudonym} from now on.")
        for table, n in sorted(erasure.rows.items()):
            self.stdout.write(f"  {n:,} {table}")
        if erasure.held:
            self.stdout.write(
                f"  {erasure.held:,} feeds in the buffer still name the member: they are held as "
                "implausible, not shown, and leave when later feeds have come"
            )


def _confirmed(cid: int) -> bool:
    answer = input(f"Erase the member {cid} for good? Type the CID again: ")
    return answer.strip() == str(cid)
