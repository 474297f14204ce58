"""What a feed must hold, and how one that was read differs from it. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from demo.books import Books, Payment
from demo.people import Person

SCOPES = ("friends", "mine", "public")
MIDNIGHT = ("", "T00:00:00Z", "T00:00:00.000Z", "T00:00:00+00:00")
AT_ONCE = timedelta(seconds=1)
SECRETS = frozenset({"email", "phone", "balance", "available", "password"})


@dataclass(frozen=True, slots=True)
class Seen:
    """A story as one viewer sees it. ``amount`` None: not shown. ``when`` is the day, or for parties the moment."""

    actor: str
    target: str
    note: str
    audience: str
    amount: int | None
    when: str
    action: str = "paid"

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.target} {self.note[:40]!r} ({self.audience}, {self.when})"


@dataclass(frozen=True, slots=True)
class Differences:
    missing: list[str]
    extra: list[str]
    leaked: list[str]

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra or self.leaked)


def seen(payment: Payment, viewer: Person) -> Seen:
    """A payment as ``viewer`` must see it."""
    assert payment.recipient is not None
    party = viewer in payment.parties
    return Seen(
        actor=payment.sender.id,
        target=payment.recipient.id,
        note=payment.note,
        audience=payment.audience,
        amount=payment.amount if party else None,
        when=payment.created_at if party else payment.created_at[:10],
    )


def read_story(story: dict[str, Any]) -> Seen:
    moment = story["created_at"]
    return Seen(
        actor=story["actor"]["id"],
        target=story["target"]["id"],
        note=story["note"],
        audience=story["audience"],
        amount=story.get("amount"),
        when=moment[:10] if moment[10:] in MIDNIGHT else moment,
        action=story["action"],
    )


def leaks(story: dict[str, Any], viewer: Person) -> list[str]:
    """What of this story its viewer must never see, judged by the story alone: amounts and moments are the parties',
    nobody's address is anybody's, and who is neither party nor friend sees only what is public."""
    parties = {story["actor"]["id"], story["target"]["id"]}
    found = [f"{side} {name}" for side in ("actor", "target") for name in SECRETS & story[side].keys()]
    if viewer.id not in parties:
        found += [name for name in ("amount", "currency") if name in story]
        found += ["time of day"] * (story["created_at"][10:] not in MIDNIGHT)
        is_friend = any(friend.id in parties for friend in viewer.friends)
        found += ["story"] * (story["audience"] not in ("public", "friends" if is_friend else "public"))
    return [f"{viewer.username} sees the {what} of {read_story(story)} [{story['id']}]" for what in found]


def expected(books: Books, viewer: Person, scope: str) -> list[Payment]:
    """The payments whose stories stand in this feed of this viewer."""
    if scope == "mine":
        return [payment for payment in books.stories if viewer in payment.parties]
    if scope == "public":
        return [payment for payment in books.stories if payment.audience == "public"]
    return [payment for payment in books.stories if payment.is_for_friends_of(viewer)]


def compare(stories: Sequence[dict[str, Any]], books: Books, viewer: Person, scope: str) -> Differences:
    """How a feed that was read to its end differs from what it must hold. Stories among people who are not of the
    town are somebody else's doing and only watched for leaks."""
    residents = {person.id for person in books.town.people}
    local = [story for story in stories if not residents.isdisjoint((story["actor"]["id"], story["target"]["id"]))]
    wanted = Counter(seen(payment, viewer) for payment in expected(books, viewer, scope))
    found = Counter(map(read_story, local))
    where = f"{scope} feed of {viewer.username}"
    missing = [f"missing in the {where}: {one}" for one in (wanted - found).elements()]
    leaked, extra = [leak for story in stories for leak in leaks(story, viewer)], []
    for one in (found - wanted).elements():
        about = books.alike(sender_id=one.actor, recipient_id=one.target, note=one.note)
        if about and not any(payment.is_visible_to(viewer) for payment in about):
            leaked.append(f"leaked into the {where}: {one}")
        else:
            extra.append(f"too much in the {where}: {one}")
    return Differences(missing, extra + out_of_order(stories, where), leaked)


def out_of_order(stories: Sequence[dict[str, Any]], where: str) -> list[str]:
    """Feeds are newest first, and no story stands twice. Ids tell no time; of others' stories the day is told, of one's
    own, which have an amount, the moment: payments that come at once may be settled in another order than they came."""
    twice = [one for one, count in Counter(story["id"] for story in stories).items() if count > 1]
    days = [datetime.fromisoformat(story["created_at"][:10]) for story in stories]
    moments = [datetime.fromisoformat(story["created_at"]) for story in stories if "amount" in story]
    return [f"twice in the {where}: {one}" for one in twice] + [
        f"out of order in the {where}: {earlier} before {later}"
        for told, apart in ((days, timedelta()), (moments, AT_ONCE))
        for earlier, later in pairwise(told)
        if later - earlier > apart
    ]
