"""Who pays whom, what for, and how clumsily: every choice of the run, made before the first payment. Pure."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from demo.people import AUDIENCES, Person, Town
from demo.words import BAD_NOTES, NOTES

MORE_THAN_ANYBODY_HAS = 99_999_999
AMOUNT_MOST = 20_000
LOOKS_EVERY = 40
WAYS_TO_NAME: Final = ("user_id", "username", "USERNAME", "email", "Email", "phone", "phone, spaced")


class Manner(StrEnum):
    """How a payment is sent."""

    ONCE = "once"
    RESENT = "the same again"
    AT_ONCE = "three at once"
    OTHER_BODY = "another body under the same key"
    TOO_MUCH = "more than the balance"
    UNKNOWN = "to nobody"
    SELF = "to oneself"
    BAD_NOTE = "a note that is none"
    NO_KEY = "without a key"


WEIGHTS: Final = {
    Manner.ONCE: 86.0,
    Manner.RESENT: 6.5,
    Manner.AT_ONCE: 3.5,
    Manner.OTHER_BODY: 1.0,
    Manner.TOO_MUCH: 1.0,
    Manner.UNKNOWN: 0.5,
    Manner.SELF: 0.5,
    Manner.BAD_NOTE: 0.5,
    Manner.NO_KEY: 0.5,
}

REFUSED: Final = {
    Manner.TOO_MUCH: (402, "insufficient_funds"),
    Manner.UNKNOWN: (404, "recipient_not_found"),
    Manner.SELF: (422, "cannot_pay_self"),
    Manner.BAD_NOTE: (422, "validation_failed"),
    Manner.NO_KEY: (400, "idempotency_key_invalid"),
}
"""What the service must answer: status and code."""


@dataclass(frozen=True, eq=False, slots=True)
class Planned:
    """One payment to be made. ``audience`` None: left out. ``looks``: the payer looks at a feed right after."""

    number: int
    sender: Person
    recipient: Person
    manner: Manner
    amount: int
    note: str
    audience: str | None
    named_by: str
    looks: bool

    def body(self) -> dict[str, Any]:
        body = {"recipient": _named(self), "amount": self.amount, "currency": "USD", "note": self.note}
        return body | ({"audience": self.audience} if self.audience else {})


def payments(town: Town, many: int, *, seed: int) -> list[Planned]:
    """The same seed and town make the same plan."""
    dice = random.Random(f"payments {seed}")
    weights = [person.activity for person in town.people]
    senders = dice.choices(town.people, weights, k=many)
    manners = dice.choices(list(WEIGHTS), list(WEIGHTS.values()), k=many)
    return [_planned(number, senders[number], manners[number], town, dice) for number in range(many)]


def _planned(number: int, sender: Person, manner: Manner, town: Town, dice: random.Random) -> Planned:
    recipient = sender if manner is Manner.SELF else _recipient(sender, town, dice)
    amount = min(AMOUNT_MOST, max(1, round(dice.lognormvariate(6.7, 0.9))))
    ways = WAYS_TO_NAME if recipient.phone else WAYS_TO_NAME[:-2]
    return Planned(
        number=number,
        sender=sender,
        recipient=recipient,
        manner=manner,
        amount=MORE_THAN_ANYBODY_HAS if manner is Manner.TOO_MUCH else amount,
        note=dice.choice(BAD_NOTES if manner is Manner.BAD_NOTE else NOTES),
        audience=dice.choices((None, *AUDIENCES), (60, 10, 15, 15))[0],
        named_by=dice.choice(ways),
        looks=number % LOOKS_EVERY == 0,
    )


def _recipient(sender: Person, town: Town, dice: random.Random) -> Person:
    luck = dice.random()
    if luck < 0.12 and sender is not town.cafe:
        return town.cafe
    if luck < 0.88 and sender.friends:
        return dice.choice(sorted(sender.friends, key=lambda friend: friend.number))
    return town.people[(sender.number + dice.randrange(1, len(town.people))) % len(town.people)]


def _named(planned: Planned) -> Mapping[str, str]:
    """The recipient as this payer names them: cases and spacing vary as they do among people."""
    person, way = planned.recipient, planned.named_by
    if planned.manner is Manner.UNKNOWN:
        return _nobody(planned)
    phone = person.phone or ""
    return {
        "user_id": {"user_id": person.id},
        "username": {"username": person.username},
        "USERNAME": {"username": person.username.upper()},
        "email": {"email": person.email},
        "Email": {"email": person.email.title()},
        "phone": {"phone": phone},
        "phone, spaced": {"phone": f"{phone[:2]} {phone[2:5]} {phone[5:8]}-{phone[8:]}"},
    }[way]


def _nobody(planned: Planned) -> Mapping[str, str]:
    name = f"nobody-{planned.number}-{planned.sender.username[-8:]}"
    choices = ({"username": name}, {"email": f"{name}@example.com"}, {"user_id": f"usr_{planned.number:032x}"})
    return choices[planned.number % len(choices)]
