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
CONFIRM_ABOVE = 100_00
"""Cents; the first payment above to somebody who is no friend needs what only they can have told."""
LOOKS_EVERY = 40
SPLIT_AMONG = 3
WAYS_TO_NAME: Final = ("user_id", "username", "USERNAME", "email", "Email", "phone", "phone, spaced")


class Manner(StrEnum):
    """How a payment is sent, or how else money changes hands."""

    ONCE = "once"
    RESENT = "the same again"
    AT_ONCE = "three at once"
    OTHER_BODY = "another body under the same key"
    TOO_MUCH = "more than the balance"
    UNKNOWN = "to nobody"
    SELF = "to oneself"
    BAD_NOTE = "a note that is none"
    NO_KEY = "without a key"
    DUPLICATE = "once more by mistake"
    STRANGER = "much to a stranger"
    SALE = "for goods"
    REFUNDED = "and given back"
    LATER = "to somebody who has not signed up"
    ASKED = "as asked for"
    DECLINED = "asked for and declined"
    WITHDRAWN = "asked for and withdrawn"
    RACED = "asked for, accepted, declined and withdrawn at once"
    SPLIT = "shared among many"
    AUTHORISED = "authorised and captured in parts"


WEIGHTS: Final = {
    Manner.ONCE: 68.0,
    Manner.RESENT: 6.5,
    Manner.AT_ONCE: 3.5,
    Manner.OTHER_BODY: 1.0,
    Manner.TOO_MUCH: 1.0,
    Manner.UNKNOWN: 0.5,
    Manner.SELF: 0.5,
    Manner.BAD_NOTE: 0.5,
    Manner.NO_KEY: 0.5,
    Manner.DUPLICATE: 1.0,
    Manner.STRANGER: 1.0,
    Manner.SALE: 3.0,
    Manner.REFUNDED: 3.0,
    Manner.LATER: 2.0,
    Manner.ASKED: 4.0,
    Manner.DECLINED: 1.0,
    Manner.WITHDRAWN: 1.0,
    Manner.RACED: 1.0,
    Manner.SPLIT: 1.0,
    Manner.AUTHORISED: 2.0,
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
    """One payment to be made. ``audience`` None: left out. ``looks``: the payer looks at a feed right after.
    ``others``: who shares it too."""

    number: int
    sender: Person
    recipient: Person
    manner: Manner
    amount: int
    note: str
    audience: str | None
    named_by: str
    looks: bool
    others: tuple[Person, ...] = ()

    def body(self) -> dict[str, Any]:
        body = {"recipient": _named(self), "amount": self.amount, "currency": "USD", "note": self.note}
        if self.manner is Manner.SALE:
            body |= {"goods_and_services": True}
        return body | ({"audience": self.audience} if self.audience else {})

    def __str__(self) -> str:
        return f"payment {self.number} ({self.manner})"


def payments(town: Town, many: int, *, seed: int) -> list[Planned]:
    """The same seed and town make the same plan. No two look like one by mistake, but those that are meant to."""
    dice = random.Random(f"payments {seed}")
    weights = [person.activity for person in town.people]
    senders = dice.choices(town.people, weights, k=many)
    manners = dice.choices(list(WEIGHTS), list(WEIGHTS.values()), k=many)
    alike: set[tuple[int, int, int, str]] = set()
    return [_planned(number, senders[number], manners[number], town, dice, alike) for number in range(many)]


def _planned(
    number: int, sender: Person, manner: Manner, town: Town, dice: random.Random, alike: set[tuple[int, int, int, str]]
) -> Planned:
    recipient = sender if manner is Manner.SELF else _recipient(sender, town, dice)
    if manner is Manner.STRANGER:
        recipient = _stranger(sender, town, dice)
    ways = WAYS_TO_NAME if recipient.phone else WAYS_TO_NAME[:-2]
    note = dice.choice(BAD_NOTES if manner is Manner.BAD_NOTE else NOTES)
    amount = _amount(sender, recipient, manner, dice)
    while (key := (sender.number, recipient.number, amount, note)) in alike:
        amount += 1
    alike.add(key)
    return Planned(
        number=number,
        sender=sender,
        recipient=recipient,
        manner=manner,
        amount=amount,
        note=f"shared, bill {number}" if manner is Manner.SPLIT else note,
        audience=dice.choices((None, *AUDIENCES), (60, 10, 15, 15))[0],
        named_by=dice.choice(ways),
        looks=number % LOOKS_EVERY == 0,
        others=_others(sender, recipient, town, dice) if manner is Manner.SPLIT else (),
    )


def _amount(sender: Person, recipient: Person, manner: Manner, dice: random.Random) -> int:
    """Only who means to pay much to a stranger does; a little is left for amounts that must be told apart."""
    if manner is Manner.TOO_MUCH:
        return MORE_THAN_ANYBODY_HAS
    if manner is Manner.STRANGER:
        return dice.randint(CONFIRM_ABOVE + 1, AMOUNT_MOST)
    most = AMOUNT_MOST if recipient in sender.friends else CONFIRM_ABOVE - 100
    return min(most, max(SPLIT_AMONG + 1, round(dice.lognormvariate(6.7, 0.9))))


def _recipient(sender: Person, town: Town, dice: random.Random) -> Person:
    luck = dice.random()
    if luck < 0.12 and sender is not town.cafe:
        return town.cafe
    if luck < 0.88 and sender.friends:
        return dice.choice(sorted(sender.friends, key=lambda friend: friend.number))
    return town.people[(sender.number + dice.randrange(1, len(town.people))) % len(town.people)]


def _stranger(sender: Person, town: Town, dice: random.Random) -> Person:
    return dice.choice([one for one in town.people if one is not sender and one not in sender.friends])


def _others(sender: Person, recipient: Person, town: Town, dice: random.Random) -> tuple[Person, ...]:
    choices = [one for one in town.people if one not in (sender, recipient)]
    return tuple(dice.sample(choices, SPLIT_AMONG - 1))


def _named(planned: Planned) -> Mapping[str, str]:
    """The recipient as this payer names them: cases and spacing vary as they do among people."""
    person, way = planned.recipient, planned.named_by
    if planned.manner is Manner.UNKNOWN:
        return _nobody(planned)
    if planned.manner is Manner.LATER:
        return {"email": f"later-{planned.number}-{planned.sender.username[-8:]}@example.com"}
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
    choices = ({"username": name}, {"user_id": f"usr_{planned.number:032x}"})
    return choices[planned.number % len(choices)]
