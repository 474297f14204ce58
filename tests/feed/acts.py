"""Stories that people act on, and what is kept of what they did."""

import dataclasses
from typing import Any
from uuid import UUID

from sqlalchemy import text

from tests.conftest import Person, World
from venmo_api.adapters.postgres import Transaction
from venmo_api.core import ids
from venmo_api.core.events import Event
from venmo_api.outbox import service as outbox

HEART, PARTY, PIZZA = "❤️", "🎉", "🍕"


@dataclasses.dataclass
class Talk:
    """A story between Alice and Bob. Carol is Alice's friend; Dave is nobody's."""

    world: World
    alice: Person
    bob: Person
    carol: Person
    dave: Person
    story: str
    """Its path."""
    id: UUID

    async def shown(self, reader: Person) -> dict[str, Any]:
        answer = await reader.get(self.story)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def say(self, author: Person, words: str) -> dict[str, Any]:
        answer = await author.post(f"{self.story}/comments", {"text": words})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def said(self, reader: Person) -> list[str]:
        found = (await reader.get(f"{self.story}/comments")).json()
        return [comment["text"] for comment in found["data"]]

    async def rows(self, statement: str, **more: Any) -> list[Any]:
        async def ask(tx: Transaction) -> list[Any]:
            wanted = {"story_id": self.id} | more
            return list((await tx.execute(text(statement), wanted)).all())

        return await self.world.app.database.read(ask)

    async def counted(self) -> tuple[int, int, int, int]:
        """Likes and comments as the story says, and as the rows are."""
        [row] = await self.rows(
            "SELECT likes, comments, (SELECT count(*) FROM reactions r WHERE r.story_id = s.id AND liked), "
            "(SELECT count(*) FROM comments c WHERE c.story_id = s.id) FROM stories s WHERE id = :story_id"
        )
        return tuple(row)  # type: ignore[return-value]

    async def tally(self) -> tuple[dict[str, int], dict[str, int]]:
        """Emoji as the story says, and as the rows are."""
        given = await self.rows(
            "SELECT e, count(*) FROM reactions, unnest(emoji) AS e WHERE story_id = :story_id GROUP BY e"
        )
        return (await self.shown(self.alice))["reactions"], dict(map(tuple, given))

    async def events(self, kind: str) -> list[Event]:
        """All of a kind that speak of this story, in order."""
        rows = await self.rows(
            "SELECT topic, payload::text AS payload FROM events "
            "WHERE topic = :topic AND payload ->> 'story_id' = :story ORDER BY id",
            topic=kind,
            story=str(self.id),
        )
        return [outbox.parse(row.topic, row.payload) for row in rows]


def uuid_of(public_id: str, prefix: str = ids.USER) -> UUID:
    found = ids.decode(prefix, public_id)
    assert found is not None
    return found


async def talk(world: World, *, audience: str = "friends", drained: bool = True) -> Talk:
    alice = await world.person("alice", money=100)
    bob, carol, dave = [await world.person(name) for name in ("bob", "carol", "dave")]
    await alice.befriend(carol)
    await bob.patch("/me", {"default_audience": audience})
    paid = await alice.pay(bob, 1, audience=audience)
    assert paid.json()["audience"] == audience
    if drained:
        await world.drain()
    story_id = uuid_of(paid.json()["id"], ids.TRANSFER)
    path = "/stories/" + ids.encode(ids.STORY, world.app.keys.veil(story_id))
    return Talk(world, alice, bob, carol, dave, path, story_id)


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def block(one: Person, other: Person) -> None:
    assert (await one.post(f"/users/{other.id}/block")).status_code == 204
