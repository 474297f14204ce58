"""POST /v1/transfers/{id}/refund: who may give back what, and what is told of it."""

import pytest

from tests.conftest import Person, World, new_key
from tests.feed.oracle import story_id
from tests.transfers.steps import give_back, new_email, pay_contact, run, wallet


async def _paid(world: World, amount: int = 1000, **more: object) -> tuple[Person, Person, str]:
    """A payer, whom they paid, and the payment."""
    alice, bob = await world.person("alice", money=amount), await world.person("bob")
    return alice, bob, (await alice.pay(bob, amount, **more)).json()["id"]


def _told(answer: object) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]  # type: ignore[attr-defined]


async def test_all_of_a_payment_goes_back_and_both_know_of_each_other(world: World) -> None:
    alice, bob, paid = await _paid(world)
    answer = await give_back(bob, paid)
    assert answer.status_code == 201, answer.text
    document = answer.json()
    assert document["id"].startswith("tr_")
    assert document | {"id": "", "created_at": ""} == {
        "id": "",
        "status": "settled",
        "amount": 1000,
        "currency": "USD",
        "note": "lunch",
        "audience": "private",
        "sender": document["sender"],
        "recipient": document["recipient"],
        "contact": None,
        "fee": 0,
        "seller_fee": 0,
        "goods_and_services": False,
        "refunded": 0,
        "refund_of": paid,
        "request_id": None,
        "hold_id": None,
        "created_at": "",
        "expires_at": None,
        "ended_at": None,
    }
    assert (document["sender"]["id"], document["recipient"]["id"]) == (bob.id, alice.id)
    assert (await alice.balance(), await bob.balance()) == (1000, 0)
    for person in (alice, bob):
        original = (await person.get(f"/transfers/{paid}")).json()
        assert (original["refunded"], original["refunds"]) == (1000, [document["id"]])
        assert (await person.get(f"/transfers/{document['id']}")).json() == document | {"refunds": []}
        assert [each["id"] for each in (await person.get("/transfers")).json()["data"]] == [document["id"], paid]


async def test_parts_go_back_until_nothing_is_left(world: World) -> None:
    alice, bob, paid = await _paid(world)
    first, second = await give_back(bob, paid, 300, note="for the cake"), await give_back(bob, paid, 699)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["note"] == "for the cake"
    too_much = await give_back(bob, paid, 2)
    assert _told(too_much) == (409, "refund_exceeds_transfer")
    assert too_much.json()["left"] == 1
    assert "$0.01" in too_much.json()["detail"]
    assert (await give_back(bob, paid)).json()["amount"] == 1
    for amount in (None, 1):
        nothing_left = await give_back(bob, paid, amount)
        assert (*_told(nothing_left), nothing_left.json()["left"]) == (409, "refund_exceeds_transfer", 0)
    original = (await alice.get(f"/transfers/{paid}")).json()
    assert (original["refunded"], len(original["refunds"])) == (1000, 3)
    assert (await alice.balance(), await bob.balance()) == (1000, 0)


async def test_more_than_the_payment_is_refused_and_may_be_corrected_under_the_same_key(world: World) -> None:
    _, bob, paid = await _paid(world)
    await bob.top_up(5000)
    key = new_key()
    assert _told(await give_back(bob, paid, 1001, key=key)) == (409, "refund_exceeds_transfer")
    assert (await give_back(bob, paid, 1000, key=key)).status_code == 201
    assert await bob.balance() == 5000


async def test_only_the_recipient_gives_back(world: World) -> None:
    alice, _, paid = await _paid(world)
    asking = await give_back(alice, paid)
    assert _told(asking) == (403, "refund_not_yours")
    assert "received" in asking.json()["detail"]
    stranger = await world.person("stranger", money=5000)
    for transfer_id in (paid, "tr_" + "0" * 32, "nonsense"):
        assert _told(await give_back(stranger, transfer_id)) == (404, "transfer_not_found")
    assert await alice.balance() == 0


async def test_a_refund_is_not_refunded(world: World) -> None:
    alice, bob, paid = await _paid(world)
    refund = (await give_back(bob, paid, 400)).json()["id"]
    for person in (alice, bob):
        assert _told(await give_back(person, refund)) == (409, "refund_not_refundable")
    assert (await alice.balance(), await bob.balance()) == (400, 600)


async def test_what_is_not_settled_is_not_refunded(world: World) -> None:
    alice = await world.person("alice", money=500)
    pending = (await pay_contact(alice, new_email(), 500)).json()["id"]
    answer = await give_back(alice, pending)
    assert (*_told(answer), answer.json()["transfer_status"]) == (409, "transfer_not_settled", "pending")
    assert "cancel" in answer.json()["detail"]
    await alice.post(f"/transfers/{pending}/cancel")
    answer = await give_back(alice, pending)
    assert (*_told(answer), answer.json()["transfer_status"]) == (409, "transfer_not_settled", "cancelled")
    assert await wallet(alice) == (500, 0, 0)


async def test_a_key_is_replayed_before_any_judgement(world: World) -> None:
    alice, bob, paid = await _paid(world)
    key = new_key()
    first = await give_back(bob, paid, key=key)
    again = await give_back(bob, paid, key=key)
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert _told(await give_back(bob, paid, 1, key=key)) == (422, "idempotency_key_reused")
    other = (await alice.pay(bob, 1000)).json()["id"]
    assert _told(await give_back(bob, other, key=key)) == (422, "idempotency_key_reused")
    assert (await alice.balance(), await bob.balance()) == (0, 1000)
    operation = (await bob.get(f"/operations/{key}")).json()
    assert operation["state"] == "committed"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"amount": 0}, "/amount"),
        ({"amount": -1}, "/amount"),
        ({"amount": True}, "/amount"),
        ({"amount": "5"}, "/amount"),
        ({"amount": 1.0}, "/amount"),
        ({"note": ""}, "/note"),
        ({"note": "x" * 281}, "/note"),
        ({"amounts": 1}, "/amounts"),
    ],
)
async def test_bodies_are_strict(world: World, body: dict[str, object], pointer: str) -> None:
    _, bob, paid = await _paid(world)
    answer = await bob.post(f"/transfers/{paid}/refund", body, key=new_key())
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert await bob.balance() == 1000


async def test_a_key_is_needed(world: World) -> None:
    _, bob, paid = await _paid(world)
    assert _told(await bob.post(f"/transfers/{paid}/refund", {})) == (400, "idempotency_key_invalid")


async def test_a_dry_run_tells_and_moves_nothing(world: World) -> None:
    alice, bob, paid = await _paid(world)
    key = new_key()
    answer = await give_back(bob, paid, 400, key=key, dry_run=True)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["answer"]["amount"], told["answer"]["refund_of"]) == (400, paid)
    assert told["balances"]["after"]["available"] == 600
    assert _told(await give_back(bob, paid, 1001, dry_run=True)) == (409, "refund_exceeds_transfer")
    assert (await alice.balance(), await bob.balance()) == (0, 1000)
    assert (await alice.get(f"/transfers/{paid}")).json()["refunded"] == 0
    assert (await give_back(bob, paid, 400, key=key)).status_code == 201


async def test_the_fee_of_a_seller_is_not_given_back(world: World) -> None:
    alice, shop, paid = await _paid(world, goods_and_services=True)
    assert await shop.balance() == 1000 - 29
    answer = await give_back(shop, paid)
    assert (answer.status_code, answer.json()["amount"], answer.json()["seller_fee"]) == (201, 1000, 0)
    assert (await wallet(alice), await wallet(shop)) == ((1000, 0, 0), (0, 0, 29))


async def test_a_refund_is_an_event_and_no_story(world: World) -> None:
    alice, bob, paid = await _paid(world)
    refund = (await give_back(bob, paid, 250)).json()["id"]
    rows = await run(world, "SELECT payload FROM events WHERE topic = 'TransferRefunded' ORDER BY created_at")
    [event] = [row["payload"] for row in rows if refund.removeprefix("tr_") in row["payload"].replace("-", "")]
    assert '"amount": 250' in event
    await world.drain()
    for person in (alice, bob):
        stories = (await person.get("/feed", scope="mine")).json()["data"]
        assert [story["id"] for story in stories] == [story_id(world, paid)]


async def test_refunds_do_not_count_towards_the_sending_limit(strict: World) -> None:
    shop = await strict.person("shop")
    for number in range(3):
        payer = await strict.person("payer", money=9_000)
        paid = (await payer.pay(shop, 9_000, note=f"part {number}")).json()["id"]
        assert (await give_back(shop, paid)).status_code == 201
        await payer.pay(shop, 9_000, note="again", allow_duplicate=True)
    assert (await shop.get("/limits")).json()["limits"][0]["used"] == 0
    friend = await strict.person("friend")
    parts = [await shop.pay(friend, 9_000, note=f"out {number}") for number in range(3)]
    assert [answer.status_code for answer in parts] == [201] * 3
