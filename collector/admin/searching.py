"""What a word of a search means: conditions that an index serves."""

import re

from django.db.models import Q

NOTHING = Q(pk__in=[])
NUMBER = re.compile(r"-?[0-9]{1,18}")


def has_callsign(word: str) -> Q:
    """Callsigns that begin with a word, as it was typed or in capitals."""
    spellings = dict.fromkeys((word, word.upper()))
    return Q(*(("callsign__startswith", spelling) for spelling in spellings), _connector=Q.OR)


def has_cid(word: str) -> Q:
    """A member's number, or the pseudonym of one who was erased."""
    return Q(cid=int(word)) if NUMBER.fullmatch(word) else NOTHING
