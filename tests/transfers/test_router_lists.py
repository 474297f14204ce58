"""GET /v1/transfers: newest first, in pages that stay right while rows are added."""

from typing import Any

import pytest

from tests.conftest import Person, World


async def _walk(person: Person, limit: int) -> list[list[dict[str, Any]]]:
    pages: list[list[dict[str, Any]]] = []
    params: dict[str, Any] = {"limit": limit}
    while True:
        answer = await person.get("/transfers", **params)
        assert answer.status_code == 200
        document = answer.json()
        assert document.keys() == {"data", "next_cursor", "has_more"}
        assert document["has_more"] is (document["next_cursor"] is not None)
        pages.append(document["data"])
        if not document["has_more"]:
            return pages
        params["cursor"] = document["next_cursor"]


async def test_a_new_person_has_no_transfers(world: World) -> None:
    alice = await world.person("alice")
    assert (await alice.get("/transfers")).json() == {"data": [], "next_cursor": None, "has_more": False}


async def test_what_was_sent_and_received_is_listed_newest_first_and_once(world: World) -> None:
    alice, bob = await world.person("alice", money=100), await world.person("bob", money=100)
    carol = await world.person("carol")
    made = [
        (await alice.pay(bob, 1)).json(),
        (await bob.pay(alice, 2)).json(),
        (await alice.pay(carol, 3)).json(),
        (await bob.pay(carol, 4)).json(),
        (await alice.pay(bob, 5)).json(),
    ]
    mine = [made[4], made[2], made[1], made[0]]
    assert (await alice.get("/transfers")).json()["data"] == mine
    for limit in (1, 2, 3, 4, 5, 100):
        pages = await _walk(alice, limit)
        assert [transfer for page in pages for transfer in page] == mine
        assert all(len(page) == limit for page in pages[:-1])
        assert 1 <= len(pages[-1]) <= limit


async def test_pages_stay_right_while_rows_are_added(world: World) -> None:
    alice, bob = await world.person("alice", money=1000), await world.person("bob", money=1000)
    began = [(await alice.pay(bob, amount)).json()["id"] for amount in range(1, 8)]
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        document = (await alice.get("/transfers", **params)).json()
        seen += [transfer["id"] for transfer in document["data"]]
        await alice.pay(bob, 50)
        await bob.pay(alice, 60)
        if document["next_cursor"] is None:
            break
        params["cursor"] = document["next_cursor"]
    assert seen == began[::-1]


async def test_a_page_is_25_unless_asked_for_otherwise_and_never_more_than_100(world: World) -> None:
    alice, bob = await world.person("alice", money=1000), await world.person("bob")
    for _ in range(27):
        await alice.pay(bob, 1)
    document = (await alice.get("/transfers")).json()
    assert (len(document["data"]), document["has_more"]) == (25, True)
    rest = (await alice.get("/transfers", cursor=document["next_cursor"])).json()
    assert (len(rest["data"]), rest["has_more"], rest["next_cursor"]) == (2, False, None)
    for limit in (1, 100):
        assert (await alice.get("/transfers", limit=limit)).status_code == 200


@pytest.mark.parametrize("limit", ["0", "-1", "101", "1e9", "x", "", "1.5", "true", "99999999999999999999999", "NaN"])
async def test_a_limit_out_of_bounds_is_refused(world: World, limit: str) -> None:
    alice = await world.person("alice")
    answer = await alice.get("/transfers", limit=limit)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert answer.headers["content-type"] == "application/problem+json"
    assert [field["pointer"] for field in answer.json()["errors"]] == ["?limit"]


@pytest.mark.parametrize(
    "cursor", ["x", "AAAA", "A" * 21 + "B", "A" * 22 + "==", "A" * 65, "é" * 22, "\x00" * 22, "🍕"]
)
async def test_a_cursor_nobody_gave_is_refused(world: World, cursor: str) -> None:
    alice = await world.person("alice")
    answer = await alice.get("/transfers", cursor=cursor)
    assert answer.status_code == 422
    assert answer.json()["code"] in ("invalid_field", "validation_failed")
    assert [field["pointer"] for field in answer.json()["errors"]] == ["?cursor"]
    assert cursor not in answer.json()["detail"]


async def test_anothers_cursor_shows_nothing_of_theirs(world: World) -> None:
    alice, bob = await world.person("alice", money=100), await world.person("bob")
    eve = await world.person("eve")
    for _ in range(3):
        await alice.pay(bob, 1)
    cursor = (await alice.get("/transfers", limit=1)).json()["next_cursor"]
    assert (await eve.get("/transfers", cursor=cursor)).json()["data"] == []
