"""What text people may write: nothing invisible that could make it read as something else."""

import unicodedata

# Bidirectional embeddings, overrides and isolates: they can reorder the words around them (Unicode TR 36, 3.3).
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_REFUSED = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})


def is_plain(text: str) -> bool:
    """True when there is something to see, and no control, bidi control, surrogate or unassigned character."""
    return bool(text.strip()) and not any(
        character in _BIDI or ((character > "~" or character < " ") and unicodedata.category(character) in _REFUSED)
        for character in text
    )
