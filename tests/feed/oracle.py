"""Who may see which payment, written down a second time from the product's words, for tests to compare with."""

import dataclasses
from datetime import datetime
from typing import Any
from uuid import UUID

from tests.conftest import Person, World, settings_for
from venmo_api.adapters.redis import Redis, RedisAway
from venmo_api.feed.cache import Absent, Found, Shown
from venmo_api.worker import relay

NOWHERE = "redis://127.0.0.1:1/0"
SCOPES = ("friends", "public", "mine")
WIDTH = {"private": 0, "friends": 1, "public": 2}
UNMOVED = {"liked": False, "my_reactions": []}
"""What one story by itself also tells: what its reader thinks of it."""


@dataclasses.dataclass
class Payment:
    id: str
    actor: str
    target: str
    amount: int
    note: str
    audience: str
    created_at: str


def ids_on(page: Shown | Found | Absent | None) -> list[bytes] | None:
    """The stories of a page of the cache, which holds none of their documents; None: it cannot tell."""
    if isinstance(page, Found):
        return page.ids
    return [] if page == Shown(b"", b"") else None


class Oracle:
    """All that was done through the API, and what each feed has to hold because of it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.people: dict[str, Person] = {}
        self.names: dict[str, str] = {}
        self.friends: set[frozenset[str]] = set()
        self.blocks: set[tuple[str, str]] = set()
        self.payments: list[Payment] = []

    def add(self, *people: Person) -> None:
        for person in people:
            self.people[person.id] = person
            self.names[person.id] = person.username.title()

    async def befriend(self, one: Person, other: Person) -> None:
        await one.befriend(other)
        if not self.hidden(one.id, other.id):
            self.friends.add(frozenset((one.id, other.id)))

    async def block(self, one: Person, other: Person) -> None:
        assert (await one.post(f"/users/{other.id}/block")).status_code == 204
        self.blocks.add((one.id, other.id))
        self.friends.discard(frozenset((one.id, other.id)))

    async def unblock(self, one: Person, other: Person) -> None:
        assert (await one.delete(f"/users/{other.id}/block")).status_code == 204
        self.blocks.discard((one.id, other.id))

    async def narrow(self, person: Person, payment: Payment, audience: str) -> None:
        answer = await person.patch(f"/stories/{self.story_id(payment)}", {"audience": audience})
        looser = WIDTH[audience] > WIDTH[payment.audience]
        assert answer.status_code == (409 if looser else 200), answer.text
        if not looser:
            assert answer.json() == self.story(person, payment) | {"audience": audience} | UNMOVED
            payment.audience = audience

    async def narrow_past(self, person: Person, audience: str) -> None:
        answer = await person.post("/me/narrow-past", {"audience": audience})
        assert answer.status_code == 200, answer.text
        for payment in self.payments:
            if person.id in (payment.actor, payment.target):
                payment.audience = min(payment.audience, audience, key=WIDTH.__getitem__)

    async def unfriend(self, one: Person, other: Person) -> None:
        assert (await one.delete(f"/friends/{other.id}")).status_code == 204
        self.friends.discard(frozenset((one.id, other.id)))

    async def rename(self, person: Person, name: str) -> None:
        assert (await person.patch("/me", {"display_name": name})).status_code == 200
        self.names[person.id] = name

    async def pay(self, sender: Person, recipient: Person, amount: int, **more: Any) -> Payment:
        answer = await sender.pay(recipient, amount, **more)
        assert answer.status_code == 201, answer.text
        told = answer.json()
        made = Payment(told["id"], sender.id, recipient.id, amount, told["note"], told["audience"], told["created_at"])
        self.payments.append(made)
        return made

    def feed(self, viewer: Person, scope: str) -> list[dict[str, Any]]:
        """The whole feed, newest first, as JSON."""
        chosen = [payment for payment in self.payments if self._belongs(viewer.id, payment, scope)]
        return [self.story(viewer, payment) for payment in sorted(chosen, key=lambda one: one.id, reverse=True)]

    def story(self, viewer: Person, payment: Payment) -> dict[str, Any]:
        document = {
            "id": self.story_id(payment),
            "actor": self._card(payment.actor),
            "target": self._card(payment.target),
            "action": "paid",
            "note": payment.note,
            "audience": payment.audience,
            "likes": 0,
            "comments": 0,
            "reactions": {},
            "created_at": payment.created_at[:10] + "T00:00:00.000Z",
        }
        if viewer.id in (payment.actor, payment.target):
            document |= {"created_at": payment.created_at, "amount": payment.amount, "currency": "USD"}
        return document

    def story_id(self, payment: Payment) -> str:
        """Third parties must not read from it when the payment was made."""
        return story_id(self._world, payment.id)

    def hidden(self, one: str, other: str) -> bool:
        return (one, other) in self.blocks or (other, one) in self.blocks

    def _belongs(self, viewer: str, payment: Payment, scope: str) -> bool:
        party = viewer in (payment.actor, payment.target)
        if not party and any(self.hidden(viewer, person) for person in (payment.actor, payment.target)):
            return False
        friend = any(frozenset((viewer, person)) in self.friends for person in (payment.actor, payment.target))
        if scope == "mine":
            return party
        if scope == "public":
            return payment.audience == "public"
        return party or (friend and payment.audience in ("friends", "public"))

    def _card(self, person_id: str) -> dict[str, Any]:
        username = self.people[person_id].username
        return {"id": person_id, "username": username, "display_name": self.names[person_id], "avatar_url": None}


async def whole_feed(viewer: Person, scope: str = "friends", *, limit: int = 100) -> list[dict[str, Any]]:
    """Every page of a feed, one after another."""
    stories: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await viewer.get("/feed", scope=scope, limit=limit, **cursor)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["data"]) <= limit
        assert page["has_more"] is (page["next_cursor"] is not None)
        stories += page["data"]
        if not page["has_more"]:
            return stories
        cursor = {"cursor": page["next_cursor"]}


def through(viewer: Person, world: World) -> Person:
    """The same person, with a client of another app over the same database."""
    return dataclasses.replace(viewer, client=world.client)


def settings_of(world: World, *, redis_number: int) -> Any:
    """Settings of an app beside ``world``, over the same database."""
    name = world.app.database.engine.url.database
    assert name is not None
    return settings_for(name, redis_number=redis_number, bucket=world.app.objects.bucket)


class Meddler(Redis):
    """A Redis in front of whose n-th call something else happens."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.calls = 0
        self._at = 0
        self._away_from: int | None = None
        self._intrusion: Any = None

    def away_from(self, call: int | None) -> None:
        self._away_from = call

    def intrude(self, at: int, intrusion: Any) -> None:
        self.calls, self._at, self._intrusion = 0, at, intrusion

    async def call(self, work: Any) -> Any:
        self.calls += 1
        if self._intrusion is not None and self.calls == self._at:
            intrusion, self._intrusion = self._intrusion, None
            await intrusion()
        if self._away_from is not None and self.calls >= self._away_from:
            raise RedisAway
        return await super().call(work)


async def drain(world: World) -> int:
    return await relay(world.app).drain()


def story_id(world: World, transfer_id: str) -> str:
    """The public id of the story of a payment."""
    return "sty_" + world.app.keys.veil(uuid_of(transfer_id)).hex


def uuid_of(public_id: str) -> UUID:
    return UUID(hex=public_id.rpartition("_")[2])


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
