"""Every state of top-ups and cash-outs, by token and by magic amount: the key's answer stays, the thing moves on."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.conftest import Person, World, new_key
from tests.ledger import audit
from tests.wallet.steps import (
    A_DAY,
    FAILS,
    FAILS_LATER,
    SETTLES_LATER,
    FlakyBank,
    cash_out,
    settle,
    source,
    told,
    top_up,
    town_in,
    wallet,
)
from venmo_api import worker
from venmo_api.core.figures import Figures

MOVES = {"top-ups": top_up, "cash-outs": cash_out}
NOBODYS = {"top-ups": ("top_", "top_up_not_found"), "cash-outs": ("out_", "cash_out_not_found")}


async def _now(person: Person, what: str, answer: httpx2.Response) -> dict[str, Any]:
    found = await person.get(f"/wallet/{what}/{answer.json()['id']}")
    assert found.status_code == 200, found.text
    listed = (await person.get(f"/wallet/{what}")).json()["data"]
    document: dict[str, Any] = found.json()
    assert document in listed
    return document


async def _age(world: World) -> int:
    world.clock.advance(A_DAY)
    return await settle(world)


@pytest.mark.parametrize(
    ("token", "amount", "end", "balance"),
    [
        ("sandbox_bank_slow", 700, "settled", 700),
        ("sandbox_bank_ok", SETTLES_LATER, "settled", SETTLES_LATER),
        ("sandbox_bank_ok", FAILS_LATER, "failed", 0),
    ],
)
async def test_a_top_up_the_bank_is_slow_with(fresh: World, token: str, amount: int, end: str, balance: int) -> None:
    alice, key = await fresh.person("alice"), new_key()
    bank = await source(alice, token)
    first = await top_up(alice, bank, amount, key=key)
    assert (first.status_code, first.json()["status"], first.json()["ended_at"]) == (201, "pending", None)
    assert await wallet(alice) == (0, amount, 0)
    assert (await alice.get(f"/operations/{key}")).json()["state"] == "committed"
    fresh.clock.advance(timedelta(hours=1))
    assert await settle(fresh) == 0
    assert await _now(alice, "top-ups", first) == first.json()
    assert await _age(fresh) == 1
    assert await settle(fresh) == 0
    document = await _now(alice, "top-ups", first)
    assert document["status"] == end
    assert document["ended_at"] > document["created_at"]
    assert await wallet(alice) == (balance, 0, 0)
    again = await top_up(alice, bank, amount, key=key)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert await audit.findings(fresh) == []


@pytest.mark.parametrize(
    ("token", "amount", "end"),
    [
        ("sandbox_bank_slow", 700, "settled"),
        ("sandbox_bank_ok", SETTLES_LATER, "settled"),
        ("sandbox_bank_ok", FAILS_LATER, "failed"),
    ],
)
async def test_a_cash_out_the_bank_is_slow_with(fresh: World, token: str, amount: int, end: str) -> None:
    alice, key = await fresh.person("alice", money=10_000), new_key()
    bank = await source(alice, token)
    first = await cash_out(alice, bank, amount, key=key)
    assert (first.status_code, first.json()["status"], first.json()["ended_at"]) == (201, "pending", None)
    assert await wallet(alice) == (10_000 - amount, 0, amount)
    assert await audit.findings(fresh) == []
    fresh.clock.advance(timedelta(hours=1))
    assert await settle(fresh) == 0
    assert await _age(fresh) == 1
    assert (await _now(alice, "cash-outs", first))["status"] == end
    assert await wallet(alice) == (10_000 - (amount if end == "settled" else 0), 0, 0)
    again = await cash_out(alice, bank, amount, key=key)
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert await audit.findings(fresh) == []


@pytest.mark.parametrize("what", MOVES)
@pytest.mark.parametrize(("token", "amount"), [("sandbox_bank_no_funds", 100), ("sandbox_bank_ok", FAILS)])
async def test_what_the_bank_refuses_is_402_remembered_and_told_as_failed(
    world: World, what: str, token: str, amount: int
) -> None:
    alice, key = await world.person("alice", money=10_000), new_key()
    bank = await source(alice, token)
    first, again = [await MOVES[what](alice, bank, amount, key=key) for _ in range(2)]
    assert told(first) == (402, "bank_declined")
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert await wallet(alice) == (10_000, 0, 0)
    [newest, *_] = (await alice.get(f"/wallet/{what}")).json()["data"]
    assert (newest["status"], newest["amount"]) == ("failed", amount)
    assert newest["ended_at"]


@pytest.mark.parametrize("what", MOVES)
async def test_what_the_bank_refuses_counts_towards_the_limit(world: World, what: str) -> None:
    """So nobody tries a source without end."""
    alice = await world.person("alice", money=10_000)

    async def used() -> int:
        standing = (await alice.get("/limits")).json()["limits"]
        flow = {"top-ups": "topped_up", "cash-outs": "cashed_out"}[what]
        return next(int(one["used"]) for one in standing if one["limit"] == flow)

    before = await used()
    assert told(await MOVES[what](alice, await source(alice), FAILS)) == (402, "bank_declined")
    assert await used() == before + FAILS


@pytest.mark.parametrize("what", MOVES)
async def test_they_are_listed_in_pages_to_their_owner_alone(world: World, what: str) -> None:
    alice, eve = await world.person("alice", money=1000), await world.person("eve")
    bank = await source(alice)
    made = [(await MOVES[what](alice, bank, 10 + number)).json()["id"] for number in range(4)]
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 3}
    while params:
        page = (await alice.get(f"/wallet/{what}", **params)).json()
        seen += [one["id"] for one in page["data"]]
        params = {"limit": 3, "cursor": page["next_cursor"]} if page["has_more"] else {}
    assert seen[:4] == made[::-1]
    assert (await eve.get(f"/wallet/{what}")).json()["data"] == []
    prefix, code = NOBODYS[what]
    for public_id in (made[0], prefix + "0" * 32, "x"):
        assert told(await eve.get(f"/wallet/{what}/{public_id}")) == (404, code)
    assert (await world.client.get(f"/v1/wallet/{what}")).status_code == 401
    assert (await world.client.get(f"/v1/wallet/{what}/{made[0]}")).status_code == 401


def test_the_worker_asks_banks_again_every_ten_seconds() -> None:
    for job in ("settle_stuck_top_ups", "settle_stuck_cash_outs", "settle_fundings"):
        assert worker.SCHEDULE[job].every == timedelta(seconds=10)


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        ({"token": "sandbox_card_ok"}, "card"),
        ({"token": "sandbox_card_ok", "type": "card"}, "card"),
        ({"token": "sandbox_bank_slow", "type": None}, "bank"),
    ],
)
async def test_the_token_says_what_a_funding_source_is(world: World, body: dict[str, Any], type_: str) -> None:
    alice = await world.person("alice")
    made = await alice.post("/wallet/funding-sources", body)
    assert (made.status_code, made.json()["type"]) == (201, type_)
    assert (await alice.get("/wallet/funding-sources")).json()["data"] == [made.json()]


@pytest.mark.parametrize(("token", "type_"), [("sandbox_card_ok", "bank"), ("sandbox_bank_ok", "card")])
async def test_a_funding_source_called_what_it_is_not_is_422(world: World, token: str, type_: str) -> None:
    alice = await world.person("alice")
    answer = await alice.post("/wallet/funding-sources", {"token": token, "type": type_})
    assert told(answer) == (422, "funding_source_type_wrong")
    assert answer.json()["errors"][0]["pointer"] == "/type"
    assert (await alice.get("/wallet/funding-sources")).json()["data"] == []


async def test_a_card_tops_nothing_up_and_burns_no_key(world: World) -> None:
    alice, key = await world.person("alice"), new_key()
    refused = await top_up(alice, await source(alice, "sandbox_card_ok"), 100, key=key)
    assert told(refused) == (422, "funding_source_unsuitable")
    assert (await top_up(alice, await source(alice), 100, key=key)).status_code == 201


async def test_top_ups_are_limited_and_a_refusal_is_remembered(fresh: World) -> None:
    async with town_in(fresh, FlakyBank(), figures=Figures()) as town:
        alice, key = await town.person("alice"), new_key()
        bank, most = await source(alice), Figures().topped_up
        assert (await top_up(alice, bank, FAILS)).status_code == 402  # it was authorised: it counts
        assert (await top_up(alice, bank, most - FAILS)).status_code == 201
        refused = await top_up(alice, bank, 1, key=key)
        assert told(refused) == (402, "limit_exceeded")
        assert (refused.json()["limit"], refused.json()["left"]) == ("topped_up", 0)
        town.clock.advance(timedelta(days=7, seconds=1))
        assert (await top_up(alice, bank, 1, key=key)).content == refused.content
        assert (await top_up(alice, bank, 1)).status_code == 201
        assert await alice.balance() == most - FAILS + 1
        assert await audit.findings(town) == []


@pytest.mark.parametrize("what", MOVES)
async def test_a_dry_run_asks_no_bank_and_keeps_nothing(fresh: World, what: str) -> None:
    """Not even a bank that would refuse or be slow: it tells what happens if the bank says yes."""
    alice, key = await fresh.person("alice", money=20_000), new_key()
    bank = await source(alice, "sandbox_bank_slow")
    answer = await MOVES[what](alice, bank, 5000, key=key, dry_run=True)
    document = answer.json()
    assert (answer.status_code, document["dry_run"], document["status"]) == (200, True, 201)
    assert (document["answer"]["status"], document["answer"]["amount"]) == ("settled", 5000)
    sign = 1 if what == "top-ups" else -1
    assert document["balances"]["after"] == {"available": 20_000 + sign * 5000, "on_hold": 0, "debt": 0}
    flow = {"top-ups": "topped_up", "cash-outs": "cashed_out"}[what]
    assert {one["limit"]: one["left_before"] - one["left_after"] for one in document["limits"]}[flow] == 5000
    assert await wallet(alice) == (20_000, 0, 0)
    assert (await alice.get(f"/operations/{key}")).json()["state"] == "never_seen"
    connection = await audit.connect(fresh)
    assert await connection.fetchval("SELECT count(*) FROM sandbox_bank_orders") == 0
    await connection.close()
    real = await MOVES[what](alice, bank, 5000, key=key)
    assert (real.status_code, real.headers.get("idempotent-replayed")) == (201, None)
    assert await audit.findings(fresh) == []
