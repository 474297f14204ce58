"""Refunds by people who have spent the money: the house lends what is missing, and is repaid first."""

from functools import partial

from tests.conftest import Person, World, new_key
from tests.ledger import audit
from tests.transfers.commands import pay, user_id
from tests.transfers.steps import give_back, run, wallet
from venmo_api.ledger.rules import debt_account
from venmo_api.transfers import schemas, service


async def _spent(
    world: World, amount: int = 1000, *, left: int = 0, verified: bool = False
) -> tuple[Person, Person, str]:
    """A payer, a payee who has ``left`` of it, and the payment."""
    alice, bob = await world.person("alice", money=amount), await world.person("bob", verified=verified)
    shop = await world.person("shop")
    paid = (await alice.pay(bob, amount)).json()["id"]
    assert (await bob.pay(shop, amount - left)).status_code == 201
    return alice, bob, paid


async def test_what_was_spent_is_lent(fresh: World) -> None:
    alice, bob, paid = await _spent(fresh, left=300)
    answer = await give_back(bob, paid)
    assert answer.status_code == 201, answer.text
    assert (await wallet(alice), await wallet(bob)) == ((1000, 0, 0), (0, 0, 700))
    assert (await bob.pay(alice, 1)).status_code == 402
    assert await audit.findings(fresh) == []


async def test_no_more_is_lent_than_anybody_may_owe(world: World) -> None:
    alice, bob, paid = await _spent(world, 250_000, verified=True)
    key = new_key()
    answer = await give_back(bob, paid, 100_001, key=key)
    assert (answer.status_code, answer.json()["code"]) == (402, "insufficient_funds")
    assert "$0.01 is missing" in answer.json()["detail"]
    assert (await give_back(bob, paid, 100_001, key=key)).content == answer.content
    assert (await wallet(alice), await wallet(bob)) == ((0, 0, 0), (0, 0, 0))
    assert (await give_back(bob, paid, 60_000)).status_code == 201
    assert (await give_back(bob, paid, 40_001)).status_code == 402
    assert (await give_back(bob, paid, 40_000)).status_code == 201
    assert (await give_back(bob, paid, 1)).status_code == 402
    assert (await wallet(alice), await wallet(bob)) == ((100_000, 0, 0), (0, 0, 100_000))
    assert (await alice.get(f"/transfers/{paid}")).json()["refunded"] == 100_000
    assert await run(world, "SELECT FROM ledger_accounts WHERE id = $1", debt_account(user_id(alice))) == []


async def test_less_is_lent_to_somebody_whose_identity_is_not_known(world: World) -> None:
    alice, bob, paid = await _spent(world, 50_000)
    assert (await give_back(bob, paid, 10_001)).status_code == 402
    assert (await give_back(bob, paid, 10_000)).status_code == 201
    assert (await wallet(alice), await wallet(bob)) == ((10_000, 0, 0), (0, 0, 10_000))


async def test_nothing_is_lent_to_somebody_who_has_money_set_aside(fresh: World) -> None:
    alice, bob, carol = [await fresh.person(name, money=1000 * (name == "alice")) for name in ("alice", "bob", "carol")]
    paid = (await alice.pay(bob, 1000)).json()["id"]
    hold = {"payee": {"user_id": carol.id}, "amount": 1000, "note": "later"}
    assert (await bob.post("/holds", hold, key=new_key())).status_code == 201
    refused = await give_back(bob, paid)
    assert (refused.status_code, refused.json()["code"]) == (402, "insufficient_funds")
    assert "set aside" in refused.json()["detail"]
    assert (await wallet(alice), await wallet(bob)) == ((0, 0, 0), (0, 1000, 0))
    assert await audit.findings(fresh) == []


async def test_money_that_comes_in_repays_first_in_part_then_in_full(fresh: World) -> None:
    alice, bob, paid = await _spent(fresh)
    await give_back(bob, paid)
    await bob.top_up(400)
    assert await wallet(bob) == (0, 0, 600)
    await alice.pay(bob, 350)
    assert await wallet(bob) == (0, 0, 250)
    await bob.top_up(300)
    assert await wallet(bob) == (50, 0, 0)
    await alice.pay(bob, 10)
    assert await wallet(bob) == (60, 0, 0)
    assert await audit.findings(fresh) == []


async def test_a_debt_may_come_back_after_it_was_repaid(fresh: World) -> None:
    alice, bob, paid = await _spent(fresh)
    await give_back(bob, paid, 600)
    await bob.top_up(600)
    await give_back(bob, paid, 400)
    assert (await wallet(alice), await wallet(bob)) == ((1000, 0, 0), (0, 0, 400))
    await bob.top_up(1000)
    assert await wallet(bob) == (600, 0, 0)
    assert await audit.findings(fresh) == []


async def test_money_that_goes_back_to_somebody_who_owes_repays_them(fresh: World) -> None:
    _, bob, paid = await _spent(fresh)
    carol = await fresh.person("carol")
    await bob.top_up(500)
    to_carol = (await bob.pay(carol, 500)).json()["id"]
    await give_back(bob, paid)
    assert await wallet(bob) == (0, 0, 1000)
    await give_back(carol, to_carol, 200)
    assert (await wallet(bob), await wallet(carol)) == ((0, 0, 800), (300, 0, 0))
    assert await audit.findings(fresh) == []


async def test_in_one_batch_what_came_in_repays_before_it_is_spent(fresh: World) -> None:
    alice, bob, paid = await _spent(fresh)
    await give_back(bob, paid, 60)
    assert await wallet(bob) == (0, 0, 60)
    payer, payee = user_id(alice), user_id(bob)
    await alice.top_up(1000)
    batch = [
        pay(1, payer, payee, 100),
        pay(2, payee, payer, 41),
        pay(3, payee, payer, 40),
        pay(4, payer, payee, 5),
        pay(5, payee, payer, 5),
    ]
    work = partial(service.pay, app=fresh.app, render=schemas.reply)
    answers = await fresh.app.database.transact(work, batch)
    assert [answer.status for answer in answers if not isinstance(answer, Exception)] == [201, 402, 201, 201, 201]
    assert await wallet(bob) == (0, 0, 0)
    assert await audit.findings(fresh) == []


async def test_what_is_held_is_not_given_back_with_and_stays_held(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=1000), await fresh.person("bob")
    paid = (await alice.pay(bob, 1000)).json()["id"]
    body = {"recipient": {"email": "nobody@example.com"}, "amount": 700, "note": "waits"}
    assert (await bob.post("/transfers", body, key=new_key())).json()["status"] == "pending"
    assert (await give_back(bob, paid, 301)).status_code == 402
    assert (await give_back(bob, paid, 300)).status_code == 201
    assert (await wallet(alice), await wallet(bob)) == ((300, 0, 0), (0, 700, 0))
    assert await audit.findings(fresh) == []
