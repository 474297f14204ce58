"""GET /v1/operations/{key}: what became of a request whose answer was lost."""

from tests.conftest import World, new_key
from venmo_api.adapters.bank import BankAnswer, SandboxBank


async def test_a_key_nobody_sent_was_never_seen(world: World) -> None:
    alice = await world.person("alice")
    found = (await alice.get(f"/operations/{new_key()}")).json()
    assert (found["state"], found["result"], found["code"]) == ("never_seen", None, None)


async def test_a_payment_that_committed_is_told_with_its_result(world: World) -> None:
    alice, bob, key = await world.person("alice", money=1000), await world.person("bob"), new_key()
    paid = await alice.pay(bob, 400, key=key)
    found = (await alice.get(f"/operations/{key}")).json()
    assert (found["state"], found["route"], found["code"]) == ("committed", "pay", None)
    assert found["result"] == paid.json()


async def test_a_refusal_is_told_with_its_code(world: World) -> None:
    alice, bob, key = await world.person("alice"), await world.person("bob"), new_key()
    assert (await alice.pay(bob, 400, key=key)).status_code == 402
    found = (await alice.get(f"/operations/{key}")).json()
    assert (found["state"], found["result"], found["code"]) == ("refused", None, "insufficient_funds")


async def test_nobody_sees_the_operations_of_others(world: World) -> None:
    alice, bob, key = await world.person("alice", money=1000), await world.person("bob"), new_key()
    await alice.pay(bob, 400, key=key)
    assert (await bob.get(f"/operations/{key}")).json()["state"] == "never_seen"
    assert (await world.client.get(f"/v1/operations/{key}")).status_code == 401


async def test_an_operation_is_in_flight_while_the_bank_is_asked(fresh: World) -> None:
    alice, key, states = await fresh.person("alice"), new_key(), []

    async def debit(token: str, **_: object) -> BankAnswer:
        states.append((await alice.get(f"/operations/{key}")).json()["state"])
        return BankAnswer.SETTLED

    source = (await alice.post("/wallet/funding-sources", {"token": "sandbox_bank_ok"})).json()["id"]
    assert isinstance(fresh.app.bank, SandboxBank)
    fresh.app.bank.debit = debit  # type: ignore[method-assign]
    await alice.post("/wallet/top-ups", {"funding_source_id": source, "amount": 5}, key=key)
    states.append((await alice.get(f"/operations/{key}")).json()["state"])
    assert states == ["in_flight", "committed"]
