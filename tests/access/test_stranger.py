"""What a stranger sees of a new user's payments, friends and amounts: nothing, whatever they ask."""

from typing import Any

import pytest

from tests.access.matrix import operations
from tests.access.scene import SECRET
from tests.conftest import Person, World, new_key
from tests.feed.oracle import story_id

AMOUNT = 73_917


async def new_user(world: World, *, audience: str | None = None) -> tuple[Person, Person, dict[str, str]]:
    """Somebody new as they come, who has paid, asked and befriended; the friend; the ids of all that by parameter."""
    ann, ben = await world.person("newcomer", money=10 * AMOUNT), await world.person("chum")
    await ann.befriend(ben)
    if audience:
        await ben.patch("/me", {"default_audience": audience})
    paid = await ann.pay(ben, AMOUNT, note=SECRET, **({"audience": audience} if audience else {}))
    body = {"amount": AMOUNT, "note": SECRET}
    asked = await ann.post("/requests", body | {"payer": {"user_id": ben.id}}, key=new_key())
    placed = await ann.post("/holds", body | {"payee": {"user_id": ben.id}}, key=new_key())
    assert {paid.status_code, asked.status_code, placed.status_code} == {201}
    await world.drain()
    found = {
        "user_id": ann.id,
        "transfer_id": paid.json()["id"],
        "story_id": story_id(world, paid.json()["id"]),
        "request_id": asked.json()["id"],
        "hold_id": placed.json()["id"],
    }
    return ann, ben, found


async def seen(world: World, stranger: Person, found: dict[str, str], words: dict[str, list[str]]) -> list[str]:
    """Each reading operation of the document, as the stranger, with every id of the new user: what it gave away."""
    document: dict[str, Any] = (await world.client.get("/openapi.json")).json()
    told = []
    for method, path, operation in operations(document):
        if method != "get" or operation["operationId"] == "openEvents":  # has no end: tests/live listens as a stranger
            continue
        names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "path"]
        place = path.format(**{name: found.get(name, "x" * 12) for name in names})
        for params in QUESTIONS.get(operation["operationId"], [{}]):
            answer = await stranger.client.get(place, headers=stranger.headers, params=params)
            assert answer.status_code < 500
            text = answer.text
            for what, forms in words.items():
                if any(form in text for form in forms):
                    told.append(f"{operation['operationId']} {params} tells {what}")
    return told


QUESTIONS: dict[str, list[dict[str, str]]] = {
    "readFeed": [{"scope": scope} for scope in ("friends", "public", "mine")],
    "listFriends": [{"state": state} for state in ("accepted", "incoming", "outgoing")],
    "searchUsers": [{"query": "newcomer"}],
    "findPeople": [{"query": "newcomer"}],
    "getPerson": [{"reason": "fraud_review"}],
    "listTransfersOf": [{}, {"reason": "fraud_review"}],
}


def private(ann: Person, ben: Person) -> dict[str, list[str]]:
    return {
        "the note": [SECRET],
        "the amount": [str(AMOUNT), f"{AMOUNT / 100:.2f}"],
        "the friend": [ben.username, ben.id],
        "the address": [ann.email],
    }


async def test_a_stranger_sees_nothing_of_a_new_user(fresh: World) -> None:
    ann, ben, found = await new_user(fresh)
    stranger = await fresh.person("strange")
    assert await seen(fresh, stranger, found, private(ann, ben)) == []
    card = (await stranger.get(f"/users/{ann.id}")).json()
    assert set(card) == {"id", "username", "display_name", "avatar_url"}


async def test_nobody_at_all_sees_less(fresh: World) -> None:
    ann, ben, found = await new_user(fresh)
    nobody = Person(fresh.client, "", "", "", {"access_token": "x"})
    assert await seen(fresh, nobody, found, private(ann, ben) | {"the card": [ann.username]}) == []


@pytest.mark.parametrize("audience", ["public"])
async def test_what_is_meant_for_everybody_is_seen_so_the_questions_are_the_right_ones(
    fresh: World, audience: str
) -> None:
    ann, ben, found = await new_user(fresh, audience=audience)
    stranger = await fresh.person("strange")
    told = await seen(fresh, stranger, found, private(ann, ben))
    assert "getStory {} tells the note" in told
    assert not [line for line in told if "amount" in line or "address" in line]


async def test_the_friend_and_the_owner_are_told_so_the_words_are_the_right_ones(fresh: World) -> None:
    ann, ben, found = await new_user(fresh)
    told = await seen(fresh, ann, found, private(ann, ben))
    for line in ("getTransfer {} tells the amount", "listFriends {'state': 'accepted'} tells the friend"):
        assert line in told
    assert "getStory {} tells the note" in await seen(fresh, ben, found, private(ann, ben))
