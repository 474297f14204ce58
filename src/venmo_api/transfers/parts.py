"""Which part of a payment the balance pays and which a card or bank, and what follows from their answer. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from venmo_api.core import fees
from venmo_api.core.errors import InvalidField
from venmo_api.idempotency.rules import Claim
from venmo_api.ledger.book import Book, Posting
from venmo_api.ledger.rules import bank_account, fees_account
from venmo_api.limits.rules import Meter
from venmo_api.transfers import rules
from venmo_api.transfers.rules import Case, Pay, Status, Transfer
from venmo_api.users.rules import Party, strictest
from venmo_api.wallet.rules import Source, SourceType


class RecipientNotSignedUp(InvalidField):
    code = "recipient_not_signed_up"
    title = "Only from your balance"

    def __init__(self) -> None:
        super().__init__(
            "/funding_source_id",
            "Nobody has signed up under this email address or phone number yet. Until then you can pay them from your "
            "balance only; top it up first, or ask them to sign up.",
        )


@dataclass(frozen=True, slots=True)
class Funding:
    """A payment of which a card or bank pays a part: ``charged`` cents, the fee in it."""

    transfer: Transfer
    ledger_transaction_id: UUID
    source: Source
    charged: int
    claim: Claim
    request_id: str

    @property
    def id(self) -> UUID:
        return self.transfer.id


def fund(
    command: Pay,
    source: Source,
    *,
    ledger_transaction_id: UUID,
    sender: Party,
    recipient: Party | None,
    case: Case,
    brought_in: Meter,
) -> Funding:
    """Set the balance's part aside; the card or bank is to pay the rest, and the sender a card's fee on top of it. What
    a bank pays is money brought in, and counts towards that limit too.

    Raises RecipientNotSignedUp, and what ``rules.check_recipient`` and ``rules.authorise`` raise, and then has set
    nothing aside.
    """
    rules.check_recipient(command, recipient)
    if recipient is None:
        raise RecipientNotSignedUp
    own = case.book.accounts[command.sender_id].available
    missing = command.amount - own
    fee = fees.card_fee(missing, case.figures) if source.type is SourceType.CARD else 0
    # Money that a bank is asked for cannot wait for a review.
    likeness, _ = rules.authorise(command, sender=sender, recipient=recipient, case=case, holdable=False)
    if source.type is SourceType.BANK:
        brought_in.use(command.transfer_id, command.sender_id, missing, at=command.at, verified=sender.verified)
    if own:
        case.book.hold(command.transfer_id, command.sender_id, own, at=command.at)
    transfer = Transfer(
        id=command.transfer_id,
        status=Status.PENDING,
        amount=command.amount,
        currency=command.currency,
        note=command.note,
        audience=strictest(command.audience or sender.default_audience, recipient.default_audience),
        sender=sender.card,
        recipient=recipient.card,
        created_at=command.at,
        fee=fee,
        seller_fee=fees.seller_fee(command.amount, case.figures) if command.goods_and_services else 0,
        goods_and_services=command.goods_and_services,
        likeness=likeness,
    )
    return Funding(transfer, ledger_transaction_id, source, missing + fee, command.claim, command.request_id)


def settle(funding: Funding, *, book: Book, at: datetime) -> Transfer:
    """The money came: in with it, and on to the recipient together with the balance's part."""
    transfer, (sender, recipient) = funding.transfer, parties(funding.transfer)
    if transfer.id in book.holds:
        book.capture(transfer.id, transfer.amount + transfer.fee - funding.charged)
    came = ((bank_account(sender), -funding.charged), (sender, funding.charged))
    book.post(Posting(funding.ledger_transaction_id, "funding", at, came), earmarked=True)
    lines = rules.payment_lines(sender, recipient, transfer.amount, fee=transfer.fee, seller_fee=transfer.seller_fee)
    posted = book.post(Posting(transfer.id, "transfer", at, tuple(lines)))
    return replace(transfer, status=Status.SETTLED, ended_at=posted.at)


def fail(funding: Funding, *, book: Book, at: datetime) -> Transfer:
    """The money did not come: the sender has the balance's part back."""
    transfer = funding.transfer
    if transfer.id in book.holds:
        book.release(transfer.id, at=at)
    return replace(transfer, status=Status.FAILED, ended_at=max(at, transfer.created_at))


def accounts_of(funding: Funding) -> set[UUID]:
    """What settling it touches in the ledger."""
    transfer, (sender, recipient) = funding.transfer, parties(funding.transfer)
    accounts = {sender, recipient, bank_account(sender)}
    return accounts | {fees_account(sender)} if transfer.fee or transfer.seller_fee else accounts


def parties(transfer: Transfer) -> tuple[UUID, UUID]:
    """Sender and recipient: of a funded payment both are known."""
    assert transfer.recipient is not None
    return transfer.sender.id, transfer.recipient.id
