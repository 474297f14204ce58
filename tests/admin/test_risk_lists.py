"""Lists of people and of contacts: who stands on one is paid nothing, also when the money was on its way before."""

from tests.admin.steps import employ
from tests.admin.test_risk_router import verdict
from tests.conftest import World
from tests.transfers.steps import new_email, pay_contact, run, wallet
from tests.transfers.test_reviews import MUCH
from venmo_api.admin.rules import Role
from venmo_api.privacy import queries as privacy


async def test_an_address_that_is_nobodys_can_be_listed(careful: World) -> None:
    analyst, alice, email = await employ(careful, Role.ANALYST), await careful.person(money=100_00), new_email()
    body = {"subject": {"email": email}, "list": "sanctions", "reason": "sanctioned"}
    entry = await analyst.post("/admin/risk/blocklist", body)
    assert (entry.status_code, entry.json()["user"]) == (201, None)
    assert email not in entry.text
    used = await careful.app.database.read(privacy.in_use)
    contacts = await run(careful, "SELECT count(*) FROM identifiers WHERE sealed IS NOT NULL")
    under = sum(count for (purpose, _), count in used.items() if purpose == "index")
    assert under > contacts[0]["count"]  # the key of its index is not taken for unused
    assert (await pay_contact(alice, email, 1_00)).json()["code"] == "payment_declined"
    assert (await pay_contact(alice, new_email(), 1_00)).json()["status"] == "pending"
    unknown = {"subject": {"username": "nobody_at_all_1"}, "reason": "fraud"}
    assert (await analyst.post("/admin/risk/blocklist", unknown)).json()["code"] == "user_not_found"


async def test_who_proves_a_listed_address_is_listed_whatever_they_are_called(careful: World) -> None:
    analyst, alice, email = await employ(careful, Role.ANALYST), await careful.person(money=100_00), new_email()
    waiting = (await pay_contact(alice, email, 1_00)).json()
    assert waiting["status"] == "pending"
    body = {"subject": {"email": email}, "list": "sanctions", "reason": "sanctioned"}
    assert (await analyst.post("/admin/risk/blocklist", body)).status_code == 201
    bob = await careful.person(email=email, money=5_00)
    assert (await alice.pay(bob, 1_00)).json()["status"] == "settled"  # whose address it is nobody knows yet
    await bob.verify()
    await careful.drain()
    assert (await alice.get(f"/transfers/{waiting['id']}")).json()["status"] == "pending"
    assert (await alice.pay(bob, 1_00)).json()["code"] == "payment_declined"
    assert (await bob.pay(alice, 1_00)).json()["code"] == "payment_declined"
    [entry] = (await analyst.get("/admin/risk/blocklist", limit=1)).json()["data"]
    assert (entry["user"]["id"], entry["list"], entry["reason"]) == (bob.id, "sanctions", "sanctioned")
    assert (await alice.post(f"/transfers/{waiting['id']}/cancel")).json()["status"] == "cancelled"


async def test_nothing_is_claimed_or_released_once_one_of_the_two_is_listed(careful: World) -> None:
    analyst, email = await employ(careful, Role.ANALYST), new_email()
    alice, bob = await careful.person(money=200_00), await careful.person()
    waiting = (await pay_contact(alice, email, 1_00)).json()
    paid = (await alice.pay(bob, MUCH)).json()
    assert (waiting["status"], paid["status"]) == ("pending", "held")
    body = {"subject": {"user_id": alice.id}, "reason": "account_taken_over"}
    entry = (await analyst.post("/admin/risk/blocklist", body)).json()
    carol = await careful.person(email=email)
    await carol.verify()
    await careful.drain()
    assert await wallet(carol) == (0, 0, 0)
    refused = await verdict(analyst, paid, "release")
    assert (refused.status_code, refused.json()["code"]) == (409, "party_listed")
    assert (await verdict(analyst, paid, "cancel")).json()["status"] == "cancelled"
    assert (await wallet(alice), await wallet(bob)) == ((199_00, 1_00, 0), (0, 0, 0))
    assert (await analyst.delete(f"/admin/risk/blocklist/{entry['id']}")).status_code == 204
    assert (await alice.get(f"/transfers/{waiting['id']}")).json()["status"] == "pending"
