"""Blocks: each of the two is nobody to the other, whichever of them blocked."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.conftest import Person, World, new_key, new_name
from tests.users.steps import NOBODY, block, listed, pay, request, strangers, unblock, unknown_phone, uuid
from venmo_api.adapters.postgres import Transaction
from venmo_api.core.events import FriendAsked, FriendshipEnded, PersonBlocked, PersonUnblocked
from venmo_api.core.paging import PageRequest, encode_cursor
from venmo_api.users import queries, service
from venmo_api.users.rules import Relations

MONEY: dict[str, tuple[str, Callable[[dict[str, str]], Any]]] = {
    "payment": ("/transfers", lambda who: {"recipient": who, "amount": 7, "note": "lunch"}),
    "dry run": ("/transfers", lambda who: {"recipient": who, "amount": 7, "note": "lunch", "dry_run": True}),
    "large payment": ("/transfers", lambda who: {"recipient": who, "amount": 110_00, "note": "lunch"}),
    "request": ("/requests", lambda who: {"payer": who, "amount": 7, "note": "lunch"}),
    "split": ("/splits", lambda who: {"total": 8, "note": "x", "method": "equal", "participants": [who]}),
    "hold": ("/holds", lambda who: {"payee": who, "amount": 7, "note": "lunch"}),
}


def told(answer: httpx2.Response) -> tuple[int, str]:
    """Everything an answer says, but for what is new in each."""
    body = re.sub(r'"(request_id|id|created_at|expires_at)":"[^"]*"', "", answer.text)
    return answer.status_code, re.sub(r"usr_[0-9a-f]{32}", "usr", body)


async def both_ways(world: World) -> list[tuple[Person, Person]]:
    one, other = await strangers(world, money=100_000)
    return [(one, other), (other, one)]


async def test_each_is_unknown_to_the_other_whoever_blocked(world: World) -> None:
    for me, them in await both_ways(world):
        for method, path in (
            ("GET", "/v1/users/{id}"),
            ("GET", "/v1/users/{id}/friends"),
            ("PUT", "/v1/friends/{id}"),
            ("DELETE", "/v1/friends/{id}"),
            ("DELETE", "/v1/friend-suggestions/{id}"),
        ):
            answers = [
                await world.client.request(method, path.format(id=id), headers=me.headers) for id in (them.id, NOBODY)
            ]
            assert told(answers[0]) == told(answers[1]), (method, path)
            assert answers[0].status_code in (404, 204)


async def test_a_search_finds_nobody_not_even_by_the_whole_name(world: World) -> None:
    for me, them in await both_ways(world):
        for query in (them.username, them.username.title(), them.username[:5]):
            assert them.id not in await listed(me, "/users", query=query, limit=100)
        assert await listed(me, "/users", query=me.username) == [me.id]


async def test_a_cursor_at_somebody_hidden_leads_where_one_at_nobody_does(world: World) -> None:
    """Else an id would tell whether it is known."""
    for me, them in await both_ways(world):
        seen = await world.person("zz")
        at_hidden, at_nobody = (encode_cursor(id) for id in (uuid(them), UUID(int=0)))
        for path, query in (("/users", {"query": seen.username}), ("/friends", {}), (f"/users/{seen.id}/friends", {})):
            answers = [await me.get(path, cursor=cursor, **query) for cursor in (at_hidden, at_nobody)]
            assert told(answers[0]) == told(answers[1])


@pytest.mark.parametrize("verb", MONEY)
async def test_no_money_is_moved_or_asked_for(world: World, verb: str) -> None:
    path, body = MONEY[verb]
    for me, them in await both_ways(world):
        code = (await them.get("/me/pay-code")).json()["pay_code"]
        proof = {"confirmation": {"pay_code": code}} if path == "/transfers" else {}
        for known, unknown in (
            ({"user_id": them.id}, {"user_id": NOBODY}),
            ({"username": them.username}, {"username": new_name()}),
        ):
            answers = [await me.post(path, body(who) | proof, key=new_key()) for who in (known, unknown)]
            assert told(answers[0]) == told(answers[1])
            assert answers[0].status_code == 404


@pytest.mark.parametrize("kind", ["email", "phone"])
@pytest.mark.parametrize("verb", MONEY)
async def test_nor_by_an_address_which_looks_like_nobodys(strict: World, kind: str, verb: str) -> None:
    """A payment waits for whoever proves the address, as any to a stranger, and is not theirs."""
    path, body = MONEY[verb]
    for me, them in await both_ways(strict):
        address = them.email if kind == "email" else (await them.get("/me")).json()["phone"]
        unknown = f"{new_name()}@example.com" if kind == "email" else unknown_phone()
        answers = [await me.post(path, body({kind: who}), key=new_key()) for who in (address, unknown)]
        said = [told(answer)[1].replace(who, "who") for answer, who in zip(answers, (address, unknown), strict=True)]
        assert answers[0].status_code == answers[1].status_code
        assert said[0] == said[1]
        await strict.drain()
        assert me.id not in [row["sender"]["id"] for row in (await them.get("/transfers")).json()["data"]]
        if answers[0].status_code == 201 and verb != "dry run":
            waiting = await me.get(f"/transfers/{answers[0].json()['id']}")
            assert (waiting.json()["status"], waiting.json()["recipient"]) == ("pending", None)
            assert (await me.post(f"/transfers/{answers[0].json()['id']}/cancel")).status_code == 200


async def test_from_a_card_neither(world: World) -> None:
    for me, them in await both_ways(world):
        source = (await me.post("/wallet/funding-sources", {"token": "sandbox_bank_ok"})).json()["id"]
        for known, unknown in (
            ({"user_id": them.id}, {"user_id": NOBODY}),
            ({"email": them.email}, {"email": f"{new_name()}@example.com"}),
        ):
            more = {"amount": 10**7, "funding_source_id": source}
            answers = [await pay(me, who, **more) for who in (known, unknown)]
            assert told(answers[0]) == told(answers[1])
            assert answers[0].status_code in (404, 422)


async def test_blocking_ends_friendship_and_asks(world: World) -> None:
    for make in ("friends", "asked", "was asked"):
        alice, bob = await world.person("alice"), await world.person("bob")
        if make != "was asked":
            await alice.put(f"/friends/{bob.id}")
        if make != "asked":
            await bob.put(f"/friends/{alice.id}")
        await block(alice, bob)
        await unblock(alice, bob)
        for person in (alice, bob):
            for state in ("accepted", "incoming", "outgoing"):
                assert await listed(person, "/friends", state=state) == []
        assert (await bob.put(f"/friends/{alice.id}")).json()["state"] == "outgoing"


async def test_to_block_again_or_to_unblock_nobody_changes_nothing(world: World) -> None:
    alice, bob = await world.person("alice"), await world.person("bob")
    await unblock(alice, bob)
    for _ in range(3):
        await block(alice, bob)
    assert await listed(alice, "/blocks") == [bob.id]
    assert await listed(bob, "/blocks") == []
    for _ in range(2):
        await unblock(alice, bob)
    assert (await listed(alice, "/blocks"), (await alice.get(f"/users/{bob.id}")).status_code) == ([], 200)
    assert [kind for kind, _ in await told_of(world, alice)] == [PersonBlocked, PersonUnblocked]
    for method in ("POST", "DELETE"):
        answer = await world.client.request(method, f"/v1/users/{NOBODY}/block", headers=alice.headers)
        assert answer.status_code == 204, "whether there is such a person is nobody's to learn"
    assert await listed(alice, "/blocks") == []


async def test_events_tell_what_happened_in_order(world: World) -> None:
    alice, bob = await world.person("alice"), await world.person("bob")
    await alice.befriend(bob)
    await block(alice, bob)
    kinds = [kind for kind, _ in await told_of(world, alice)]
    assert kinds == [FriendAsked, FriendshipEnded, PersonBlocked]


async def test_nobody_blocks_themselves(world: World) -> None:
    alice = await world.person("alice")
    for method in ("POST", "DELETE"):
        answer = await world.client.request(method, f"/v1/users/{alice.id}/block", headers=alice.headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "cannot_block_self")
    assert (await alice.get(f"/users/{alice.id}")).status_code == 200


async def test_two_who_block_each_other_are_hidden_until_both_have_thought_better(world: World) -> None:
    alice, bob = await world.person("alice"), await world.person("bob")
    await block(alice, bob)
    await block(bob, alice)
    assert await listed(alice, "/blocks") == [bob.id]
    assert await listed(bob, "/blocks") == [], "else he would learn that she is there"
    await unblock(alice, bob)
    for me, them in ((alice, bob), (bob, alice)):
        assert (await me.get(f"/users/{them.id}")).status_code == 404
    assert await listed(bob, "/blocks") == [alice.id]
    await unblock(bob, alice)
    for me, them in ((alice, bob), (bob, alice)):
        assert (await me.get(f"/users/{them.id}")).status_code == 200


async def test_blocks_are_paged_without_gaps(world: World) -> None:
    alice = await world.person("alice")
    others = [await world.person(f"b{number}") for number in range(5)]
    for other in others[::-1]:
        await block(alice, other)
    read: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await alice.get("/blocks", limit=2, **cursor)).json()
        read += [card["id"] for card in page["data"]]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
        await unblock(alice, others[len(read) - 1])  # where the page ended: the next begins beyond it all the same
    assert read == sorted(other.id for other in others)


async def test_what_was_paid_before_stays_in_the_records_of_both(world: World) -> None:
    alice, bob = await world.person("alice", money=1000), await world.person("bob")
    paid = (await alice.pay(bob, 100)).json()
    await block(bob, alice)
    for person in (alice, bob):
        seen = await person.get(f"/transfers/{paid['id']}")
        assert (seen.status_code, seen.json()["recipient"]["username"]) == (200, bob.username)
        assert [row["id"] for row in (await person.get("/transfers")).json()["data"]] == [paid["id"]]
    given_back = await bob.post(f"/transfers/{paid['id']}/refund", {}, key=new_key())
    assert given_back.status_code == 201, "money may always go back"
    assert await alice.balance() == 1000


async def test_what_was_held_before_is_captured_or_given_back(world: World) -> None:
    alice, bob = await world.person("alice", money=1000), await world.person("bob")
    body = {"payee": {"user_id": bob.id}, "amount": 100, "note": "deposit"}
    held = (await alice.post("/holds", body, key=new_key())).json()["id"]
    await block(alice, bob)
    assert (await bob.post(f"/holds/{held}/capture", {"amount": 60, "final": True}, key=new_key())).status_code == 201
    assert (await alice.balance(), await bob.balance()) == (940, 60)


async def test_what_waits_for_somebody_hidden_goes_back_in_the_end(world: World) -> None:
    """Whether they proved the address before or after the block."""
    alice, bob = await world.person("alice", money=1000), await world.person("bob")
    waiting = (await pay(alice, {"email": bob.email}, amount=100)).json()
    await block(bob, alice)
    await bob.verify()
    await world.drain()
    assert await bob.balance() == 0
    assert (await alice.get(f"/transfers/{waiting['id']}")).json()["status"] == "pending"
    assert (await alice.post(f"/transfers/{waiting['id']}/cancel")).status_code == 200
    assert await alice.balance() == 1000


async def test_open_requests_between_them_end(world: World) -> None:
    alice, bob = await world.person("alice", money=1000), await world.person("bob", money=1000)
    carol = await world.person("carol")
    asked, asks, others = await request(bob, alice), await request(alice, bob), await request(carol, alice)
    await block(alice, bob)
    for payer, id in ((alice, asked), (bob, asks)):
        refused = await payer.post(f"/requests/{id}/accept", {}, key=new_key())
        assert (refused.status_code, refused.json()["code"]) == (404, "recipient_not_found"), "before the worker too"
        assert (await payer.get(f"/requests/{id}")).status_code == 200
    refused = await bob.post(f"/requests/{asked}/remind")
    assert (refused.status_code, refused.json()["code"]) == (404, "payer_not_found")
    await world.drain()
    for person in (alice, bob):
        for id in (asked, asks):
            ended = (await person.get(f"/requests/{id}")).json()
            assert (ended["status"], ended["ended_by"]) == ("cancelled", alice.id)
    assert (await alice.get(f"/requests/{others}")).json()["status"] == "pending"
    assert (await alice.balance(), await bob.balance()) == (1000, 1000)


async def test_relations_are_what_the_feed_asks_for(world: World) -> None:
    alice, bob, carol, dave = [await world.person(name) for name in ("alice", "bob", "carol", "dave")]
    await alice.befriend(bob)
    await alice.put(f"/friends/{dave.id}")
    await block(carol, alice)
    read = world.app.database.read
    assert await read(service.relations, uuid(alice)) == Relations(frozenset([uuid(bob)]), frozenset([uuid(carol)]))
    assert await read(service.relations, uuid(dave)) == Relations(frozenset(), frozenset())
    people = [uuid(person) for person in (alice, bob, carol, dave)]
    assert await read(service.circles, people) == {uuid(alice): uuid(bob).bytes, uuid(bob): uuid(alice).bytes}
    hidden = {uuid(alice): frozenset([uuid(carol)]), uuid(carol): frozenset([uuid(alice)])}
    assert await read(service.hidden_of, people) == hidden
    pair = (uuid(alice), uuid(carol))
    for asked in (pair, pair[::-1]):
        assert await read(service.hidden, [asked, (uuid(alice), uuid(bob))]) == {asked}
    assert await read(service.hidden, []) == frozenset()


@pytest.mark.parametrize("first", ["blocks", "friendships"])
async def test_the_database_lets_no_friendship_stand_beside_a_block(world: World, first: str) -> None:
    alice, bob = await world.person("alice"), await world.person("bob")
    low, high = sorted((uuid(alice), uuid(bob)))
    statements = {
        "blocks": "INSERT INTO blocks VALUES (:high, :low, now())",
        "friendships": "INSERT INTO friendships VALUES (:low, :high, :low, now())",
    }

    async def both(tx: Transaction) -> None:
        for table in sorted(statements, key=lambda name: name != first):
            await tx.execute(text(statements[table]), {"low": low, "high": high})

    with pytest.raises(IntegrityError):
        await world.app.database.transact(both)


async def test_staff_find_whom_others_hide_from(world: World) -> None:
    """Who asks for nobody in particular is hidden from by nobody."""
    alice, bob = await world.person("alice"), await world.person("bob")
    await block(alice, bob)
    found = await world.app.database.read(service.search, None, alice.username, PageRequest())
    assert [card.username for card in found.rows] == [alice.username]


async def test_a_query_that_forgets_blocks_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "GET_SHOWN", text(queries.GET_SHOWN.text.replace("b.blocker_id = u.id", "false")))
    with pytest.raises(AssertionError):
        await test_each_is_unknown_to_the_other_whoever_blocked(world)


@pytest.mark.parametrize("verb", ["payment", "hold", "request"])
async def test_money_that_forgets_blocks_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    async def nobody(*_: Any) -> frozenset[Any]:
        return frozenset()

    monkeypatch.setattr(service, "hidden", nobody)
    with pytest.raises(AssertionError):
        await test_no_money_is_moved_or_asked_for(world, verb)


async def told_of(world: World, person: Person) -> list[tuple[type, Any]]:
    """What happened by this person to others, oldest first."""
    kinds = {kind.__name__: kind for kind in (FriendAsked, FriendshipEnded, PersonBlocked, PersonUnblocked)}

    async def read(tx: Transaction) -> Any:
        asked = (
            "SELECT topic, payload FROM events WHERE payload ->> 'user_id' = :id AND topic = ANY(:topics) ORDER BY id"
        )
        return (await tx.execute(text(asked), {"id": str(uuid(person)), "topics": list(kinds)})).all()

    return [(kinds[row.topic], row.payload) for row in await world.app.database.read(read)]
