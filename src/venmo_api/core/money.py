"""Money: integer cents of one currency, and the bounds of one payment."""

from typing import Final, Literal

CURRENCY: Final[Literal["USD"]] = "USD"
MAX_AMOUNT_CENTS = 100_000_000
"""The most one payment or top-up may move: a million dollars. A bound on every integer keeps sums far below 2**63."""


def dollars(amount_cents: int) -> str:
    """``1250`` as ``$12.50``, for sentences people read."""
    sign = "-" if amount_cents < 0 else ""
    return f"{sign}${abs(amount_cents) // 100:,}.{abs(amount_cents) % 100:02d}"
