"""Several statements as one: one round trip, one snapshot."""

import re
from functools import lru_cache

from sqlalchemy import TextClause, text

_BIND = re.compile(r"(?<![:\w]):(\w+)")

Names = dict[str, tuple[int, str]]
"""Where each parameter of the whole comes from: (which statement, name there)."""


@lru_cache(maxsize=256)
def as_parts(statements: tuple[TextClause, ...]) -> tuple[TextClause, Names]:
    """Writes, as one statement that answers nothing."""
    texts, names = _told_apart(statements)
    parts = ", ".join(f"w{number} AS ({one})" for number, one in enumerate(texts))
    return text(f"WITH {parts} SELECT 1"), names


@lru_cache(maxsize=256)
def as_arrays(statements: tuple[TextClause, ...]) -> tuple[TextClause, Names]:
    """Reads, as one statement whose only row has all the rows of each as an array of records."""
    texts, names = _told_apart(statements)
    arrays = ", ".join(f"ARRAY(SELECT q FROM ({one}) q)" for one in texts)  # noqa: S608 - constants; values are bound
    return text(f"SELECT {arrays}"), names


def _told_apart(statements: tuple[TextClause, ...]) -> tuple[list[str], Names]:
    """The texts, each with parameters of its own."""
    names = {
        f"p{number}_{own}": (number, own) for number, one in enumerate(statements) for own in _BIND.findall(one.text)
    }
    return [_BIND.sub(rf":p{number}_\1", one.text) for number, one in enumerate(statements)], names
