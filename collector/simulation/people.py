"""Names of members who do not exist."""

_SYLLABLES = (
    "ba", "bel", "cor", "da", "del", "fen", "gar", "hol", "iri", "jan", "ka", "kel", "lo", "mar",
    "ned", "olo", "pel", "qui", "ram", "sol", "ta", "ulf", "ver", "wen", "xan", "yor", "zel", "nur",
    "øst", "mül", "ñan", "čar",
)  # fmt: skip


def made_up_name(bits: int, cid: int, home: str) -> str:
    """Two made-up words, often with a home airport behind; some members show their CID instead.

    `bits` are 64 random ones.
    """
    if bits % 64 == 0:
        return str(cid)
    first, bits = _word(bits >> 6)
    last, bits = _word(bits)
    return f"{first} {last} {home}" if bits % 5 < 2 else f"{first} {last}"


def _word(bits: int) -> tuple[str, int]:
    """A word of two or three syllables, and the bits that are left."""
    length, bits = 2 + bits % 2, bits >> 1
    word = ""
    for _ in range(length):
        bits, syllable = divmod(bits, len(_SYLLABLES))
        word += _SYLLABLES[syllable]
    return word.capitalize(), bits
