"""Friendship by mutual consent, as a client sees it."""

import asyncio

import pytest

from tests.conftest import Person, World

STATES = ("accepted", "incoming", "outgoing")


async def names(person: Person, state: str = "accepted") -> list[str]:
    answer = await person.get("/friends", state=state)
    assert answer.status_code == 200, answer.text
    return [card["id"] for card in answer.json()["data"]]


async def stands(one: Person, other: Person) -> tuple[list[str], list[str]]:
    """How each of the two sees the other, as the states in whose lists the other stands."""
    return (
        [state for state in STATES if other.id in await names(one, state)],
        [state for state in STATES if one.id in await names(other, state)],
    )


async def test_to_ask_and_to_accept_makes_friends(world: World) -> None:
    alice, bob = await world.person(), await world.person()
    assert await stands(alice, bob) == ([], [])
    asked = await alice.put(f"/friends/{bob.id}")
    assert (asked.status_code, asked.json()["state"]) == (200, "outgoing")
    assert asked.json()["user"]["id"] == bob.id
    assert await stands(alice, bob) == (["outgoing"], ["incoming"])
    again = await alice.put(f"/friends/{bob.id}")
    assert again.json() == asked.json()
    assert await stands(alice, bob) == (["outgoing"], ["incoming"])
    accepted = await bob.put(f"/friends/{alice.id}")
    assert (accepted.status_code, accepted.json()["state"]) == (200, "accepted")
    assert await stands(alice, bob) == (["accepted"], ["accepted"])
    assert (await alice.put(f"/friends/{bob.id}")).json()["state"] == "accepted"


@pytest.mark.parametrize("who", ["asker", "asked"])
@pytest.mark.parametrize("accepted", [False, True])
async def test_to_withdraw_to_decline_and_to_unfriend_leaves_nothing(world: World, who: str, accepted: bool) -> None:
    alice, bob = await world.person(), await world.person()
    await alice.put(f"/friends/{bob.id}")
    if accepted:
        await bob.put(f"/friends/{alice.id}")
    one, other = (alice, bob) if who == "asker" else (bob, alice)
    for _ in range(2):
        assert (await one.delete(f"/friends/{other.id}")).status_code == 204
        assert await stands(alice, bob) == ([], [])
    assert (await one.put(f"/friends/{other.id}")).json()["state"] == "outgoing"
    assert await stands(one, other) == (["outgoing"], ["incoming"])


async def test_two_who_ask_each_other_at_once_are_friends(world: World) -> None:
    for _ in range(8):
        alice, bob = await world.person(), await world.person()
        answers = await asyncio.gather(alice.put(f"/friends/{bob.id}"), bob.put(f"/friends/{alice.id}"))
        assert sorted(answer.json()["state"] for answer in answers) == ["accepted", "outgoing"]
        assert await stands(alice, bob) == (["accepted"], ["accepted"])


async def test_parallel_asks_and_ends_leave_one_consistent_state(world: World) -> None:
    alice, bob = await world.person(), await world.person()
    calls = [
        call
        for _ in range(6)
        for call in (
            alice.put(f"/friends/{bob.id}"),
            bob.put(f"/friends/{alice.id}"),
            alice.delete(f"/friends/{bob.id}"),
        )
    ]
    assert {answer.status_code for answer in await asyncio.gather(*calls)} <= {200, 204}
    assert await stands(alice, bob) in (
        ([], []),
        (["accepted"], ["accepted"]),
        (["outgoing"], ["incoming"]),
        (["incoming"], ["outgoing"]),
    )


async def test_nobody_is_their_own_friend(world: World) -> None:
    alice = await world.person()
    answer = await alice.put(f"/friends/{alice.id}")
    assert (answer.status_code, answer.json()["code"]) == (422, "cannot_befriend_self")
    assert [await names(alice, state) for state in STATES] == [[], [], []]


async def test_friends_are_paged_by_username_without_gaps(world: World) -> None:
    alice = await world.person()
    others = sorted([await world.person(f"f{number}") for number in range(7)], key=lambda person: person.username)
    for other in others:
        await alice.befriend(other)
    read: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await alice.get("/friends", limit=3, **cursor)).json()
        read += [card["username"] for card in page["data"]]
        assert page["has_more"] is (page["next_cursor"] is not None)
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
        late = await world.person("a-late")  # stands before the cursor: it moves nobody
        await alice.befriend(late)
    assert [name for name in read if not name.startswith("a-late")] == [other.username for other in others]
    assert len(read) == len(set(read))


async def test_a_third_person_learns_nothing_of_a_friendship(world: World) -> None:
    alice, bob, eve = await world.person(), await world.person(), await world.person()
    await alice.befriend(bob)
    assert [await names(eve, state) for state in STATES] == [[], [], []]
    await eve.delete(f"/friends/{bob.id}")
    assert await stands(alice, bob) == (["accepted"], ["accepted"])


@pytest.mark.parametrize("query", [{"state": "blocked"}, {"limit": 0}, {"limit": 101}, {"cursor": "junk!"}])
async def test_a_list_that_cannot_be_asked_for_is_refused(world: World, query: dict[str, object]) -> None:
    assert (await (await world.person()).get("/friends", **query)).status_code == 422
