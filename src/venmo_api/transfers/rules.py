"""What a payment is, and the decision whether it happens. Pure."""

import hashlib
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import regex

from venmo_api.auth.rules import is_new_device
from venmo_api.core import fees, ids
from venmo_api.core.clock import rfc3339
from venmo_api.core.errors import AppError, FieldError, Kind
from venmo_api.core.figures import Figures
from venmo_api.core.text import is_plain
from venmo_api.idempotency.rules import Claim, Known
from venmo_api.ledger.book import Book, Posting
from venmo_api.ledger.rules import InsufficientFunds, fees_account
from venmo_api.limits.rules import Meter
from venmo_api.risk.desk import Asked, Desk, Side
from venmo_api.risk.rules import DecisionKind, PaymentDeclined, Verdict
from venmo_api.transfers.payees import (
    Attempts,
    Confirmation,
    PayeeConfirmationNeeded,
    PayeeConfirmationWrong,
    judge,
)
from venmo_api.users.rules import Audience, Card, Party, PayeeProof, strictest

NOTE_MOST = 280
NOTE_BYTES_MOST = 16_384
"""Room for 280 of the longest emoji, and a bound on what can be stacked on one character."""
CONTACT_KINDS = ("email", "phone")
"""How somebody can be named who has not signed up."""
_GRAPHEME = regex.compile(r"\X")

Contact = tuple[str, str]
"""Kind and canonical value of a name: ``("email", "bob@example.com")``."""


class Status(StrEnum):
    PENDING = "pending"
    SETTLED = "settled"
    HELD = "held"
    CANCELLED = "cancelled"
    FAILED = "failed"
    EXPIRED = "expired"


class RecipientNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "recipient_not_found"
    title = "Nobody to pay"

    def __init__(self) -> None:
        detail = "Nobody is known under this name; check it, or pay to an email address or phone number instead."
        super().__init__(detail, fields=(FieldError("/recipient", detail),))


class CannotPaySelf(AppError):
    kind = Kind.INVALID
    code = "cannot_pay_self"
    title = "That is you"

    def __init__(self) -> None:
        detail = "Choose another person; you cannot pay yourself."
        super().__init__(detail, fields=(FieldError("/recipient", detail),))


class TransferNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "transfer_not_found"
    title = "No such transfer"

    def __init__(self) -> None:
        super().__init__("There is no transfer of yours with this id.")


class PossibleDuplicate(AppError):
    kind = Kind.CONFLICT
    code = "possible_duplicate"
    title = "You have just paid this"

    def __init__(self, earlier: UUID, at: datetime) -> None:
        super().__init__(
            "You paid the same person the same amount with the same note a moment ago. If you mean to pay once more, "
            "send it again with `allow_duplicate`: true."
        )
        self.extra = {"transfer_id": ids.encode(ids.TRANSFER, earlier), "paid_at": rfc3339(at)}


class TransferNotPending(AppError):
    kind = Kind.CONFLICT
    code = "transfer_not_pending"
    title = "Too late to cancel"

    def __init__(self, transfer: "Transfer") -> None:
        asked = "ask the recipient for a refund" if transfer.status is Status.SETTLED else "nothing is left to do"
        super().__init__(
            f"Only a payment that waits to be claimed can be cancelled. This one is {transfer.status}; "
            f"{transfer.waits_for or asked}."
        )
        self.extra = {"transfer_status": transfer.status}


@dataclass(frozen=True, slots=True)
class Pay:
    """Move ``amount`` cents from the sender to a recipient named by an id or by (kind, canonical value).

    ``bar`` is a reason known beforehand why it must not happen; an answer already given under the key goes before it.
    ``alias`` stands for a contact where it is hashed. ``rehearsed``: nothing of this will be kept. ``device_since``:
    since when the sender's device ``device_id`` is known, if nothing vouches for it.
    """

    claim: Claim
    transfer_id: UUID
    sender_id: UUID
    recipient: UUID | Contact
    amount: int
    currency: str
    note: str
    audience: Audience | None
    request_id: str
    at: datetime
    goods_and_services: bool = False
    allow_duplicate: bool = False
    confirmation: Confirmation | None = None
    settles: UUID | None = None
    alias: str | None = None
    bar: AppError | None = None
    rehearsed: bool = False
    device_since: datetime | None = None
    device_id: UUID | None = None

    def likenesses(self, recipient: UUID | None) -> tuple[int, ...]:
        """64 bits each that are equal for payments a person would take for the same, by whatever name they call the
        recipient; None: nobody has signed up under the name yet. The first is this payment's own, the other that of
        one to the same contact when it was nobody's."""
        named = self.alias or self.recipient
        names = (recipient, named) if recipient else (named,)
        said = [f"{self.sender_id}|{name}|{self.amount}|{self.note}" for name in dict.fromkeys(names)]
        return tuple(int.from_bytes(hashlib.sha256(one.encode()).digest()[:8], signed=True) for one in said)


@dataclass(frozen=True, slots=True)
class Refund:
    """Give back ``amount`` cents, or all that is left, of a payment that came to whoever claims the key."""

    claim: Claim
    refund_id: UUID
    original_id: UUID
    amount: int | None
    note: str | None
    request_id: str
    at: datetime
    device_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """A payment, or money that goes back (``refund_of``). ``contact``: held for somebody who is still to sign up."""

    id: UUID
    status: Status
    amount: int
    currency: str
    note: str
    audience: Audience
    sender: Card
    recipient: Card | None
    created_at: datetime
    contact: Contact | None = None
    fee: int = 0
    seller_fee: int = 0
    goods_and_services: bool = False
    refunded: int = 0
    refund_of: UUID | None = None
    hold_id: UUID | None = None
    settles: UUID | None = None
    likeness: int | None = None
    expires_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def settled_at(self) -> datetime:
        return self.ended_at or self.created_at

    @property
    def waits_for(self) -> str | None:
        """What is told of a payment that is pending or held."""
        if self.status is Status.HELD:
            return "it is still being looked at; wait for it"
        if self.status is not Status.PENDING:
            return None
        return "its card or bank is still to pay; wait for it" if self.recipient else "its sender may cancel it"


@dataclass(slots=True)
class Case:
    """What a batch is decided on: read under the locks, and kept up to date from one command to the next."""

    book: Book
    meter: Meter
    figures: Figures
    earlier: dict[int, tuple[UUID, datetime]]
    """The newest payment of each likeness that is recent enough to be taken for the same."""
    known: dict[tuple[UUID, str, str], Known]
    """What was answered under their keys, by scope."""
    people: dict[UUID, Party]
    friends: Set[tuple[UUID, UUID]]
    proofs: dict[UUID, PayeeProof]
    attempts: dict[tuple[UUID, UUID], Attempts]
    hidden: Set[tuple[UUID, UUID]] = frozenset()
    """Payers and those they named who are hidden from each other."""
    desk: Desk = field(default_factory=Desk)

    def payee(self, payer: UUID, named: UUID | None) -> Party | None:
        """Whom the payer pays by this name: who is hidden from them is nobody, as if they had not signed up."""
        return self.people.get(named) if named and (payer, named) not in self.hidden else None


def is_note(text: str) -> bool:
    """1 to 280 characters as a person counts them, all of them harmless."""
    return (
        is_plain(text)
        and len(text.encode()) <= NOTE_BYTES_MOST
        and (len(text) <= NOTE_MOST or len(_GRAPHEME.findall(text)) <= NOTE_MOST)
    )


def decide(command: Pay, *, sender: Party, recipient: Party | None, case: Case) -> Transfer:
    """Post the payment in the book, or hold it, for somebody who is still to sign up or to be looked at, and say what
    it is.

    Raises RecipientNotFound, CannotPaySelf, PossibleDuplicate, PayeeConfirmationNeeded, PayeeConfirmationWrong,
    PaymentDeclined, LimitExceeded, NewDeviceLimit or InsufficientFunds, and then has moved nothing.
    """
    check_recipient(command, recipient)
    if case.book.accounts[command.sender_id].available < command.amount:
        raise InsufficientFunds
    likeness, verdict = authorise(command, sender=sender, recipient=recipient, case=case, holdable=True)
    sent = _sent(command, sender, recipient, case, doubted=verdict is Verdict.REVIEW)
    transfer = replace(sent, likeness=likeness)
    case.earlier[likeness] = (transfer.id, transfer.created_at)
    return transfer


def check_recipient(command: Pay, recipient: Party | None) -> None:
    """Raises the command's bar, RecipientNotFound or CannotPaySelf."""
    if command.bar is not None:
        raise command.bar
    if recipient is None and (isinstance(command.recipient, UUID) or command.recipient[0] not in CONTACT_KINDS):
        raise RecipientNotFound
    if recipient is not None and recipient.erased:
        raise RecipientNotFound
    if recipient is not None and recipient.card.id == command.sender_id:
        raise CannotPaySelf


def authorise(
    command: Pay, *, sender: Party, recipient: Party | None, case: Case, holdable: bool
) -> tuple[int, Verdict]:
    """Count the payment towards the limit, unless the guards doubt it: its likeness, and whether it goes on at once.
    ``holdable``: its money can wait for a review. Raises what the guards raise, and PaymentDeclined."""
    likenesses = command.likenesses(recipient.card.id if recipient else None)
    _doubt_duplicate(command, likenesses, case)
    if recipient is not None:
        confirm_payee(command, recipient.card.id, case)
    return likenesses[0], screen(command, sender, recipient, case, holdable=holdable)


def screen(command: Pay, sender: Party, recipient: Party | None, case: Case, *, holdable: bool) -> Verdict:
    """What risk says of a payment that nothing else refuses but the limit, and count it for both.

    Raises PaymentDeclined and then has logged that, and LimitExceeded or NewDeviceLimit and then has counted nothing.
    """
    judged = None if command.rehearsed else case.desk.judge(_asked(command, sender, recipient, case, holdable=holdable))
    if judged and judged.verdict is Verdict.DENY:
        case.desk.keep(judged)
        raise PaymentDeclined
    case.meter.use(command.transfer_id, command.sender_id, command.amount, at=command.at, verified=sender.verified)
    if judged is None:
        return Verdict.ALLOW
    case.desk.keep(judged)
    return judged.verdict


def confirm_payee(command: Pay, recipient: UUID, case: Case) -> None:
    """The first payment above the limit to somebody who is no friend needs what only the payee can have told.

    Raises PayeeConfirmationNeeded, or PayeeConfirmationWrong and then has counted the guess in the case.
    """
    pair = (command.sender_id, recipient)
    if command.amount <= case.figures.confirm_payee_above or pair in case.friends:
        return
    before, proof = case.attempts.get(pair, Attempts()), case.proofs.get(recipient, PayeeProof())
    if before.confirmed:
        return
    if command.confirmation is None:
        by_digits = proof.phone_last4 is not None and before.tries_left(command.at) > 0
        raise PayeeConfirmationNeeded(case.figures.confirm_payee_above, by_digits=by_digits)
    if command.rehearsed:
        return  # guesses that are not counted are not answered either
    after = case.attempts[pair] = judge(command.confirmation, before, proof, at=command.at)
    if not after.confirmed:
        raise PayeeConfirmationWrong(after.tries_left(command.at))


def as_of(transfer: Transfer, now: datetime) -> Transfer:
    """The transfer as it truly stands: what is overdue has expired, whether or not that is written down yet."""
    waits = transfer.status in (Status.PENDING, Status.HELD)
    if waits and transfer.expires_at and transfer.expires_at <= now:
        return replace(transfer, status=Status.EXPIRED, ended_at=transfer.expires_at)
    return transfer


def settle_claim(pending: Transfer, claimer: Party, *, book: Book, figures: Figures, at: datetime) -> Transfer:
    """Give what was held to whoever has proved that the contact is theirs."""
    seller_fee = fees.seller_fee(pending.amount, figures) if pending.goods_and_services else 0
    book.capture(pending.id, pending.amount + pending.fee)
    lines = payment_lines(pending.sender.id, claimer.card.id, pending.amount, fee=pending.fee, seller_fee=seller_fee)
    posted = book.post(Posting(pending.id, "transfer", at, tuple(lines)))
    return replace(
        pending,
        status=Status.SETTLED,
        recipient=claimer.card,
        audience=strictest(pending.audience, claimer.default_audience),
        seller_fee=seller_fee,
        ended_at=posted.at,
    )


def payment_lines(sender: UUID, recipient: UUID, amount: int, *, fee: int, seller_fee: int) -> list[tuple[UUID, int]]:
    """Who pays and who gets what: cents that sum to zero."""
    lines = [(sender, -amount - fee), (recipient, amount - seller_fee)]
    return [*lines, (fees_account(sender), fee + seller_fee)] if fee or seller_fee else lines


def is_remembered(refusal: AppError) -> bool:
    """Whether a refusal binds its key. What was decided about money does. A request that named nobody, or oneself, or
    looked like a mistake, was never a payment: it may be corrected and sent again under the same key."""
    return refusal.kind is Kind.DECLINED


def _sent(command: Pay, sender: Party, recipient: Party | None, case: Case, *, doubted: bool) -> Transfer:
    """``doubted``: its money is set aside until somebody has looked at it."""
    wanted, named = command.audience or sender.default_audience, command.recipient
    transfer = Transfer(
        id=command.transfer_id,
        status=Status.HELD if doubted else Status.PENDING,
        amount=command.amount,
        currency=command.currency,
        note=command.note,
        audience=strictest(wanted, recipient.default_audience) if recipient else wanted,
        sender=sender.card,
        recipient=recipient.card if recipient else None,
        created_at=command.at,
        contact=None if recipient or isinstance(named, UUID) else named,
        goods_and_services=command.goods_and_services,
        settles=command.settles,
    )
    if doubted or recipient is None:
        case.book.hold(command.transfer_id, command.sender_id, command.amount, at=command.at)
        waits = case.figures.review_seconds if doubted else case.figures.claim_seconds
        return replace(transfer, expires_at=command.at + timedelta(seconds=waits))
    seller_fee = fees.seller_fee(command.amount, case.figures) if command.goods_and_services else 0
    lines = payment_lines(command.sender_id, recipient.card.id, command.amount, fee=0, seller_fee=seller_fee)
    posted = case.book.post(Posting(command.transfer_id, "transfer", command.at, tuple(lines)))
    return replace(transfer, status=Status.SETTLED, seller_fee=seller_fee, created_at=posted.at)


def _asked(command: Pay, sender: Party, recipient: Party | None, case: Case, *, holdable: bool) -> Asked:
    return Asked(
        tx_id=command.transfer_id,
        kind=DecisionKind.PAYMENT,
        sender=Side(command.sender_id, sender.since),
        recipient=Side(recipient.card.id, recipient.since) if recipient else None,
        amount=command.amount,
        at=command.at,
        holdable=holdable,
        new_device=is_new_device(command.device_since, at=command.at, seconds=case.figures.new_device_seconds),
        device_id=command.device_id,
        contact=command.alias,
    )


def _doubt_duplicate(command: Pay, likenesses: Sequence[int], case: Case) -> None:
    """The same payment once more, so soon, is more likely a slip than a wish."""
    window = timedelta(seconds=case.figures.duplicate_seconds)
    if not window or command.allow_duplicate:
        return
    for earlier in (case.earlier[one] for one in likenesses if one in case.earlier):
        if earlier[1] > command.at - window:
            raise PossibleDuplicate(*earlier)
