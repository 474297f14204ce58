"""What text people may write: nothing invisible that could make it read as something else."""

import unicodedata

# Bidirectional embeddings, overrides and isolates: they can reorder the words around them (Unicode TR 36, 3.3).
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Controls, surrogates, private use, line and paragraph separators. Unassigned ones are let pass: this Python's tables
# are older than the newest emoji.
_REFUSED = frozenset({"Cc", "Cs", "Co", "Zl", "Zp"})
# Spaces, format characters, marks that need something to stand on.
_UNSEEN = frozenset({"Zs", "Cf", "Mn", "Me"})
# Letters and symbols that are drawn as nothing: Braille blank, Hangul fillers.
_BLANK = frozenset("\u2800\u3164\u115f\u1160\uffa0")


def is_plain(text: str) -> bool:
    """True when there is something to see, and no control, bidi control, surrogate or noncharacter."""
    return all(map(_is_allowed, text)) and any(map(_is_seen, text))


def _is_allowed(character: str) -> bool:
    if " " <= character <= "~":
        return True
    code = ord(character)
    return (
        character not in _BIDI
        and unicodedata.category(character) not in _REFUSED
        and not (0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE)
    )


def _is_seen(character: str) -> bool:
    return character not in _BLANK and unicodedata.category(character) not in _UNSEEN
