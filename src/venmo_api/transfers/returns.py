"""What of a payment may go back, and what the house lends for it. Pure."""

from venmo_api.core.errors import AppError, Kind
from venmo_api.core.figures import Figures
from venmo_api.core.money import dollars
from venmo_api.ledger.book import Book
from venmo_api.ledger.rules import InsufficientFunds
from venmo_api.transfers.rules import Refund, Status, Transfer
from venmo_api.users.rules import Party


class RefundNotYours(AppError):
    kind = Kind.FORBIDDEN
    code = "refund_not_yours"
    title = "Not yours to give back"

    def __init__(self) -> None:
        super().__init__("Only who received a payment can give it back; ask them.")


class RefundNotRefundable(AppError):
    kind = Kind.CONFLICT
    code = "refund_not_refundable"
    title = "This is a refund itself"

    def __init__(self) -> None:
        super().__init__("A refund cannot be refunded; make a new payment instead.")


class TransferNotSettled(AppError):
    kind = Kind.CONFLICT
    code = "transfer_not_settled"
    title = "Nothing was paid that could go back"

    def __init__(self, transfer: Transfer) -> None:
        more = f"; {transfer.waits_for}" if transfer.waits_for else ""
        super().__init__(f"Only a settled payment can be refunded. This one is {transfer.status}{more}.")
        self.extra = {"transfer_status": transfer.status}


class RefundExceedsTransfer(AppError):
    kind = Kind.CONFLICT
    code = "refund_exceeds_transfer"
    title = "More than is left of the payment"

    def __init__(self, left: int) -> None:
        more = f"{dollars(left)} of it is left; give back no more." if left else "All of it has gone back already."
        super().__init__(f"Refunds of a payment cannot exceed it. {more}")
        self.extra = {"left": left}


def refundable(original: Transfer, command: Refund) -> int:
    """How many cents go back.

    Raises RefundNotRefundable, TransferNotSettled, RefundNotYours or RefundExceedsTransfer.
    """
    if original.refund_of is not None:
        raise RefundNotRefundable
    if original.status is not Status.SETTLED or original.recipient is None:
        raise TransferNotSettled(original)
    if original.recipient.id != command.claim.user_id:
        raise RefundNotYours
    left = original.amount - original.refunded
    amount = left if command.amount is None else command.amount
    if not 0 < amount <= left:
        raise RefundExceedsTransfer(left)
    return amount


def shortfall(book: Book, giver: Party, amount: int, figures: Figures) -> int:
    """What the house has to lend so that ``giver`` can give ``amount`` cents back.

    Raises InsufficientFunds when they would then owe more than they may, or have money set aside that would do.
    """
    account = book.accounts[giver.card.id]
    available = account.available
    most = figures.debt_verified if giver.verified else figures.debt_unverified
    short, may_owe = max(amount - available, 0), max(most - book.owed(account.id), 0)
    if short and account.held:
        raise InsufficientFunds(
            f"You have {dollars(available)}, and {dollars(account.held)} set aside for others; wait until that "
            "is taken or comes back, top up, or give back less."
        )
    if short > may_owe:
        raise InsufficientFunds(
            f"You have {dollars(available)} and may owe us {dollars(may_owe)} more, so {dollars(short - may_owe)} is "
            "missing; top up, or give back less."
        )
    return short
