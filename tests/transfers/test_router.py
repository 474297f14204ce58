"""POST and GET /v1/transfers, as a client sees them."""

from tests.conftest import World, new_key


async def test_money_moves_and_the_answer_is_replayed_byte_for_byte(world: World) -> None:
    alice, bob = await world.person("alice", money=10_000), await world.person("bob")
    key = new_key()
    first = await alice.pay(bob, 1250, key=key)
    again = await alice.pay(bob, 1250, key=key)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert (await alice.balance(), await bob.balance()) == (8750, 1250)
