"""Dry runs tell what would happen, and nothing happens."""

from tests.conftest import World, new_key
from tests.ledger import audit


async def test_a_dry_run_tells_fees_balances_and_limits_and_moves_nothing(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=10_000), await fresh.person("bob")
    key = new_key()
    answer = await alice.pay(bob, 2000, key=key, goods_and_services=True, dry_run=True)
    document = answer.json()
    assert (answer.status_code, document["dry_run"], document["status"]) == (200, True, 201)
    assert (document["answer"]["amount"], document["answer"]["seller_fee"]) == (2000, 48)
    assert document["balances"] == {
        "before": {"available": 10_000, "on_hold": 0, "debt": 0},
        "after": {"available": 8000, "on_hold": 0, "debt": 0},
    }
    sent = next(one for one in document["limits"] if one["limit"] == "sent")
    assert sent["left_before"] - sent["left_after"] == 2000
    assert (await alice.balance(), await bob.balance()) == (10_000, 0)
    assert (await alice.get(f"/operations/{key}")).json()["state"] == "never_seen"
    assert await audit.findings(fresh) == []


async def test_the_real_one_goes_under_the_key_of_its_dry_run(world: World) -> None:
    alice, bob = await world.person("alice", money=10_000), await world.person("bob")
    key = new_key()
    await alice.pay(bob, 2000, key=key, dry_run=True)
    real = await alice.pay(bob, 2000, key=key)
    assert (real.status_code, real.headers.get("idempotent-replayed")) == (201, None)
    again = await alice.pay(bob, 2000, key=key, dry_run=True)
    assert again.json()["answer"] == real.json()
    assert await alice.balance() == 8000


async def test_what_would_be_refused_is_refused_and_burns_no_key(world: World) -> None:
    alice, bob = await world.person("alice", money=100), await world.person("bob")
    key = new_key()
    refused = await alice.pay(bob, 101, key=key, dry_run=True)
    assert (refused.status_code, refused.json()["code"]) == (402, "insufficient_funds")
    assert (await alice.pay(bob, 100, key=key)).status_code == 201
