"""Whole stories over HTTP, with the worker drained: what a person does, and what the books say of it afterwards."""

from typing import Any

import httpx2
from sqlalchemy import text

from tests.conftest import PASSWORD, World, new_key, new_name
from tests.feed.oracle import uuid_of, whole_feed
from venmo_api.adapters.postgres import Transaction


async def rows(world: World, statement: str, **parameters: Any) -> list[Any]:
    async def read(tx: Transaction) -> list[Any]:
        return list((await tx.execute(text(statement), parameters)).all())

    return await world.app.database.read(read)


async def test_two_people_meet_pay_and_are_seen(fresh: World) -> None:
    alice, bob, carol = [await fresh.person(name) for name in ("alice", "bob", "carol")]
    await alice.befriend(bob)
    await alice.befriend(carol)
    await alice.top_up(10_000)
    assert (await alice.get("/wallet")).json() == {
        "available": 10_000,
        "pending": 0,
        "on_hold": 0,
        "debt": 0,
        "currency": "USD",
    }
    paid = await alice.pay(bob, 1250, note="pizza 🍕")
    assert paid.status_code == 201
    transfer = paid.json()
    assert transfer["id"].startswith("tr_")
    assert (transfer["status"], transfer["amount"], transfer["currency"], transfer["note"], transfer["audience"]) == (
        "settled",
        1250,
        "USD",
        "pizza 🍕",
        "friends",
    )
    assert (transfer["sender"]["id"], transfer["recipient"]["id"]) == (alice.id, bob.id)
    for person in (alice, bob):
        assert (await person.get(f"/transfers/{transfer['id']}")).json() == transfer | {"refunds": []}
    assert (await carol.get(f"/transfers/{transfer['id']}")).status_code == 404

    back = (await bob.pay(alice, 50, note="tip", audience="private")).json()
    refused = await bob.pay(alice, 1201)
    assert (refused.status_code, refused.json()["code"]) == (402, "insufficient_funds")
    await fresh.drain()

    assert [story["note"] for story in await whole_feed(carol)] == ["pizza 🍕"]
    assert [story["note"] for story in await whole_feed(bob, "mine")] == ["tip", "pizza 🍕"]
    assert "amount" not in (await whole_feed(carol))[0]
    assert (await alice.balance(), await bob.balance(), await carol.balance()) == (8800, 1200, 0)

    (event,) = await rows(
        fresh, "SELECT * FROM events WHERE payload ->> 'transfer_id' = :id", id=str(uuid_of(transfer["id"]))
    )
    assert event.topic == "TransferSettled"
    assert event.payload["amount"] == 1250
    assert event.payload["sender_id"] == str(uuid_of(alice.id))
    assert await rows(fresh, "SELECT * FROM outbox_queue") == []
    topics = {row.topic for row in await rows(fresh, "SELECT DISTINCT topic FROM events")}
    assert topics == {"UserSignedUp", "FriendAsked", "FriendshipStarted", "TopUpSettled", "TransferSettled"}
    await check_books(fresh, postings={transfer["id"]: 1250, back["id"]: 50})


async def check_books(world: World, *, postings: dict[str, int]) -> None:
    """Everything sums to zero, each posting stands there once, and balances are what their entries say."""
    (told,) = await rows(world, "SELECT sum(amount) AS total FROM ledger_entries")
    assert told.total == 0
    unbalanced = "SELECT transaction_id FROM ledger_entries GROUP BY 1 HAVING sum(amount) <> 0 OR count(*) < 2"
    assert await rows(world, unbalanced) == []
    for transfer_id, amount in postings.items():
        entries = await rows(
            world,
            "SELECT amount FROM ledger_entries WHERE transaction_id = :id ORDER BY amount",
            id=uuid_of(transfer_id),
        )
        assert [entry.amount for entry in entries] == [-amount, amount]
    drift = await rows(
        world,
        "SELECT a.id FROM ledger_accounts a LEFT JOIN ledger_entries e ON e.account_id = a.id"
        " GROUP BY a.id HAVING a.balance <> coalesce(sum(e.amount), 0) OR a.version <> count(e)",
    )
    assert drift == []
    assert await rows(world, "SELECT id FROM ledger_accounts WHERE kind = 'wallet' AND balance < 0") == []


class Curl:
    """A newcomer with curl: no helper, only what the documentation says."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client
        self.token = ""

    async def __call__(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        answer = await self.client.request(method, "/v1" + path, json=body, headers=sent)
        return answer.status_code, answer.json() if answer.content else None


async def test_a_newcomer_signs_up_signs_in_and_out(world: World) -> None:
    curl, name = Curl(world.client), new_name("new")
    account = {"username": name, "display_name": "New", "email": f"{name}@example.com", "password": PASSWORD}
    status, signed_up = await curl("POST", "/auth/sign-up", account)
    assert status == 201
    assert (await curl("GET", "/me"))[0] == 401
    status, tokens = await curl("POST", "/auth/token", {"identifier": name, "password": PASSWORD})
    assert status == 200
    curl.token = tokens["access_token"]
    status, me = await curl("GET", "/me")
    assert (status, me["id"]) == (200, signed_up["user"]["id"])
    status, tokens = await curl("POST", "/auth/refresh", {"refresh_token": tokens["refresh_token"]})
    assert status == 200
    curl.token = tokens["access_token"]
    assert (await curl("POST", "/auth/logout"))[0] == 204
    assert (await curl("POST", "/auth/refresh", {"refresh_token": tokens["refresh_token"]}))[0] == 401


async def test_a_newcomer_brings_money_and_pays_by_username(world: World) -> None:
    bob = await world.person("bob")
    curl = Curl(world.client)
    curl.token = (await world.person("new")).tokens["access_token"]
    assert (await curl("GET", "/wallet"))[1]["available"] == 0
    status, source = await curl("POST", "/wallet/funding-sources", {"type": "bank", "token": "sandbox_bank_ok"})
    assert status == 201
    body = {"funding_source_id": source["id"], "amount": 2000, "currency": "USD"}
    assert (await curl("POST", "/wallet/top-ups", body))[0] == 400, "without a key"
    status, top_up = await curl("POST", "/wallet/top-ups", body, Idempotency_Key=new_key())
    assert (status, top_up["status"]) == (201, "settled")
    key = new_key()
    payment = {"recipient": {"username": bob.username}, "amount": 500, "currency": "USD", "note": "hi"}
    first = await curl("POST", "/transfers", payment, Idempotency_Key=key)
    assert first[0] == 201
    assert await curl("POST", "/transfers", payment, Idempotency_Key=key) == first
    assert (await curl("POST", "/transfers", payment | {"amount": 501}, Idempotency_Key=key))[0] == 422
    assert (await curl("GET", "/wallet"))[1]["available"] == 1500
    assert [one["id"] for one in (await curl("GET", "/transfers"))[1]["data"]] == [first[1]["id"]]
    assert await bob.balance() == 500


async def test_a_newcomer_finds_a_friend_and_reads_their_news(fresh: World) -> None:
    bob = await fresh.person("bob", money=1000, display_name="Bob Bee")
    other = await fresh.person("other")
    curl = Curl(fresh.client)
    newcomer = await fresh.person("new")
    curl.token = newcomer.tokens["access_token"]
    await bob.pay(other, 300, note="for the newcomer to read")
    await fresh.drain()
    assert (await curl("GET", "/feed?scope=friends"))[1]["data"] == []
    status, found = await curl("GET", "/users?query=bob%20b")
    assert (status, [card["id"] for card in found["data"]]) == (200, [bob.id])
    status, asked = await curl("PUT", f"/friends/{bob.id}")
    assert (status, asked["state"]) == (200, "outgoing")
    assert (await bob.get("/friends", state="incoming")).json()["data"][0]["id"] == newcomer.id
    await bob.put(f"/friends/{newcomer.id}")
    await fresh.drain()
    assert [card["id"] for card in (await curl("GET", "/friends"))[1]["data"]] == [bob.id]
    (story,) = (await curl("GET", "/feed?scope=friends"))[1]["data"]
    assert (story["note"], story["actor"]["display_name"]) == ("for the newcomer to read", "Bob Bee")
    own = {"liked": False, "my_reactions": []}
    assert (await curl("GET", f"/stories/{story['id']}")) == (200, story | own)
