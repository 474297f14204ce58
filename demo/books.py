"""The town's own books: what every acknowledged answer must have done, and who may see it. Pure."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from demo.people import Person, Town, strictest

SENT_UNVERIFIED = 299_99
SENT_VERIFIED = 60_000_00
"""Cents: what anybody may send in a week."""


@dataclass(eq=False, slots=True)
class Payment:
    """A payment, or money given back, as the service has acknowledged it. ``recipient`` None: waits for somebody."""

    id: str
    sender: Person
    recipient: Person | None
    amount: int
    note: str
    audience: str
    created_at: str
    seller_fee: int = 0
    goods_and_services: bool = False
    refund_of: str | None = None
    request_id: str | None = None
    hold_id: str | None = None
    refunded: int = 0
    status: str = "settled"

    @property
    def parties(self) -> tuple[Person, ...]:
        return (self.sender, self.recipient) if self.recipient else (self.sender,)

    @property
    def is_told(self) -> bool:
        """Whether it has a story."""
        return self.status == "settled" and self.refund_of is None

    @property
    def kind(self) -> str:
        """For those who count."""
        if self.refund_of:
            return "refunds"
        if self.status != "settled":
            return f"{self.status}, to nobody yet"
        if self.hold_id:
            return "captures"
        if self.request_id:
            return "asked for"
        return "sales" if self.goods_and_services else "payments"

    def is_for_friends_of(self, viewer: Person) -> bool:
        """Whether it stands in the friends feed of ``viewer``."""
        close = not viewer.friends.isdisjoint(self.parties)
        return viewer in self.parties or (close and self.audience != "private")

    def is_visible_to(self, viewer: Person) -> bool:
        return self.audience == "public" or self.is_for_friends_of(viewer)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Money that is about to leave: what its payer had surely received before. ``counts``: towards their limit."""

    payer: Person
    amount: int
    received: int
    counts: bool = True


@dataclass(slots=True)
class Books:
    """``_out``: left or leaving, by person; what is held has left. ``_in``: came, or came back. ``_counted``: towards
    the limit. ``requests`` and ``holds``: how each stands."""

    town: Town
    payments: list[Payment] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    requests: dict[str, str] = field(default_factory=dict)
    holds: dict[str, str] = field(default_factory=dict)
    fees: int = 0
    _requests_of: defaultdict[Person, set[str]] = field(default_factory=lambda: defaultdict(set))
    _holds_of: defaultdict[Person, set[str]] = field(default_factory=lambda: defaultdict(set))
    _alike: defaultdict[tuple[str, str, str], list[Payment]] = field(default_factory=lambda: defaultdict(list))
    _out: Counter[Person] = field(default_factory=Counter)
    _in: Counter[Person] = field(default_factory=Counter)
    _held: Counter[Person] = field(default_factory=Counter)
    _counted: Counter[Person] = field(default_factory=Counter)

    @property
    def stories(self) -> list[Payment]:
        return [payment for payment in self.payments if payment.is_told]

    def begin(self, payer: Person, amount: int, *, counts: bool = True) -> Attempt:
        """Before sending."""
        self._out[payer] += amount
        self._counted[payer] += amount if counts else 0
        return Attempt(payer, amount, self._in[payer], counts)

    def refuse(self, attempt: Attempt) -> tuple[bool, bool]:
        """Nothing left; whether there was surely enough money for it, and surely enough of the limit: even if all the
        payer ever sent or is sending had gone out before, and nothing had come in since. Nobody is surely lent any."""
        payer = attempt.payer
        affordable = payer.top_up + attempt.received >= self._out[payer]
        allowed = self._counted[payer] <= (SENT_VERIFIED if payer.verified else SENT_UNVERIFIED)
        self._out[payer] -= attempt.amount
        self._counted[payer] -= attempt.amount if attempt.counts else 0
        return affordable, allowed

    def acknowledge(self, payment: Payment, document: dict[str, Any]) -> list[str]:
        """A payment was made; returns what in its document is not what was asked for."""
        self.payments.append(payment)
        if payment.recipient is None:
            self._held[payment.sender] += payment.amount
        else:
            self._in[payment.recipient] += payment.amount - payment.seller_fee
            self.fees += payment.seller_fee
            self._alike[payment.sender.id, payment.recipient.id, payment.note].append(payment)
        return wrong_fields(payment, document)

    def give_back(self, original: Payment, refund: Payment, document: dict[str, Any]) -> list[str]:
        original.refunded += refund.amount
        return self.acknowledge(refund, document)

    def cancel(self, payment: Payment) -> None:
        """What waited for somebody is its sender's again."""
        payment.status = "cancelled"
        self.release(payment.sender, payment.amount)

    def hold(self, payer: Person, amount: int) -> None:
        """What has left is held, not gone."""
        self._held[payer] += amount

    def release(self, payer: Person, amount: int) -> None:
        self._held[payer] -= amount
        self._in[payer] += amount

    def capture(self, payment: Payment, document: dict[str, Any]) -> list[str]:
        self._held[payment.sender] -= payment.amount
        return self.acknowledge(payment, document)

    def note_request(self, document: dict[str, Any], *people: Person) -> None:
        """How a request stands now."""
        self.requests[document["id"]] = document["status"]
        for person in people:
            self._requests_of[person].add(document["id"])

    def requests_of(self, person: Person) -> dict[str, str]:
        return {request_id: self.requests[request_id] for request_id in self._requests_of[person]}

    def note_hold(self, document: dict[str, Any], *people: Person) -> None:
        """How an authorisation stands now."""
        self.holds[document["id"]] = document["status"]
        for person in people:
            self._holds_of[person].add(document["id"])

    def holds_of(self, person: Person) -> dict[str, str]:
        return {hold_id: self.holds[hold_id] for hold_id in self._holds_of[person]}

    def alike(self, *, sender_id: str, recipient_id: str, note: str) -> list[Payment]:
        """The acknowledged payments that a story of these words can be about."""
        return self._alike.get((sender_id, recipient_id, note), [])

    def kinds(self) -> dict[str, int]:
        """How many payments there are of each kind and state."""
        found = Counter(payment.kind for payment in self.payments)
        return dict(found) | {
            f"requests {status}": number for status, number in Counter(self.requests.values()).items()
        }

    def balance(self, person: Person) -> int:
        """Cents, once nothing is on its way: what is available and held, less what is owed."""
        return person.top_up + self._in[person] - self._out[person] + self._held[person]

    def held(self, person: Person) -> int:
        return self._held[person]

    def counted(self, person: Person) -> int:
        """Cents that count towards what this person may send."""
        return self._counted[person]


def seller_fee(amount: int) -> int:
    """1.9 % and 10 cents, rounded half up, never all of it."""
    return min((amount * 190 + 5000) // 10_000 + 10, amount - 1)


def audience_of(sender: Person, recipient: Person | None, wanted: str | None = None) -> str:
    """Who may see a payment: the stricter of both wishes."""
    wish = wanted or sender.default_audience
    return strictest(wish, recipient.default_audience) if recipient else wish


def wrong_fields(payment: Payment, document: dict[str, Any]) -> list[str]:
    """What of a transfer as the service tells it is not as acknowledged."""
    expected = {
        "id": payment.id,
        "status": payment.status,
        "amount": payment.amount,
        "currency": "USD",
        "note": payment.note,
        "audience": payment.audience,
        "created_at": payment.created_at,
        "fee": 0,
        "seller_fee": payment.seller_fee,
        "goods_and_services": payment.goods_and_services,
        "refunded": payment.refunded,
        "refund_of": payment.refund_of,
        "request_id": payment.request_id,
        "hold_id": payment.hold_id,
    }
    wrong = [
        f"{name} is {document.get(name)!r}, not {value!r}"
        for name, value in expected.items()
        if document.get(name) != value
    ]
    for side, person in (("sender", payment.sender), ("recipient", payment.recipient)):
        told = document[side] and (document[side]["id"], document[side]["display_name"])
        if told != (person and (person.id, person.display_name)):
            wrong.append(f"{side} is {document[side]}, not {person and person.username}")
    return [f"{payment.id}: {words}" for words in wrong]
