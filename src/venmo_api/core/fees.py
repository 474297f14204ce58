"""What is charged for what: cents from cents, rounded half up. Pure."""

from venmo_api.core.figures import Figures

WHOLE_BP = 10_000


def card_fee(amount: int, figures: Figures) -> int:
    """On top of ``amount`` charged to a card; the sender pays it."""
    return _share(amount, figures.card_fee_bp)


def seller_fee(amount: int, figures: Figures) -> int:
    """Out of a payment of ``amount`` for goods and services; the seller pays it. Never all of it."""
    return min(_share(amount, figures.seller_fee_bp) + figures.seller_fee_fixed, amount - 1)


def instant_fee(amount: int, figures: Figures) -> int:
    """Out of an instant cash-out of ``amount``."""
    return min(max(_share(amount, figures.instant_fee_bp), figures.instant_fee_least), figures.instant_fee_most)


def _share(amount: int, basis_points: int) -> int:
    return (amount * basis_points + WHOLE_BP // 2) // WHOLE_BP
