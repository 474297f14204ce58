"""The town's own books: what every acknowledged answer must have done, and who may see it. Pure."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from demo.people import Person, Town, strictest
from demo.plan import Planned


@dataclass(frozen=True, eq=False, slots=True)
class Payment:
    """A payment the service has acknowledged with 201."""

    id: str
    sender: Person
    recipient: Person
    amount: int
    note: str
    audience: str
    created_at: str

    @property
    def parties(self) -> tuple[Person, Person]:
        return (self.sender, self.recipient)

    def is_for_friends_of(self, viewer: Person) -> bool:
        """Whether it stands in the friends feed of ``viewer``."""
        close = not viewer.friends.isdisjoint(self.parties)
        return viewer in self.parties or (close and self.audience != "private")

    def is_visible_to(self, viewer: Person) -> bool:
        return self.audience == "public" or self.is_for_friends_of(viewer)


@dataclass(slots=True)
class Books:
    """``_out``: sent or being sent, by person. ``_in``: received and acknowledged."""

    town: Town
    payments: list[Payment] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    _alike: defaultdict[tuple[str, str, str], list[Payment]] = field(default_factory=lambda: defaultdict(list))
    _out: Counter[Person] = field(default_factory=Counter)
    _in: Counter[Person] = field(default_factory=Counter)

    def begin(self, planned: Planned) -> int:
        """Before sending; returns what ``refuse`` wants to know: what the sender had surely received by now."""
        self._out[planned.sender] += planned.amount
        return self._in[planned.sender]

    def refuse(self, planned: Planned, *, received: int) -> bool:
        """A payment got 402; returns whether its sender could surely have paid it: even if all they ever sent or
        are sending had gone out before, and nothing had come in since."""
        affordable = planned.sender.top_up + received >= self._out[planned.sender]
        self._out[planned.sender] -= planned.amount
        return affordable

    def acknowledge(self, planned: Planned, document: dict[str, Any]) -> list[str]:
        """A payment got 201; returns what in its document is not what was asked for."""
        sender, recipient = planned.sender, planned.recipient
        audience = strictest(planned.audience or sender.default_audience, recipient.default_audience)
        self._in[recipient] += planned.amount
        payment = Payment(
            document["id"], sender, recipient, planned.amount, planned.note, audience, document["created_at"]
        )
        self.payments.append(payment)
        self._alike[sender.id, recipient.id, payment.note].append(payment)
        return wrong_fields(payment, document)

    def alike(self, *, sender_id: str, recipient_id: str, note: str) -> list[Payment]:
        """The acknowledged payments that a story of these words can be about."""
        return self._alike.get((sender_id, recipient_id, note), [])

    def balance(self, person: Person) -> int:
        """Cents, once nothing is on its way."""
        return person.top_up + self._in[person] - self._out[person]


def wrong_fields(payment: Payment, document: dict[str, Any]) -> list[str]:
    """What of a transfer as the service tells it is not as acknowledged."""
    expected = {
        "id": payment.id,
        "status": "settled",
        "amount": payment.amount,
        "currency": "USD",
        "note": payment.note,
        "audience": payment.audience,
        "created_at": payment.created_at,
    }
    wrong = [
        f"{name} is {document.get(name)!r}, not {value!r}"
        for name, value in expected.items()
        if document.get(name) != value
    ]
    for side, person in (("sender", payment.sender), ("recipient", payment.recipient)):
        if (document[side]["id"], document[side]["display_name"]) != (person.id, person.display_name):
            wrong.append(f"{side} is {document[side]}, not {person.username}")
    return [f"{payment.id}: {words}" for words in wrong]
