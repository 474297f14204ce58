"""Who is told what: every kind of news, to whom it concerns and to nobody else."""

from datetime import timedelta
from typing import Any

from tests.conftest import Person, World, new_key
from tests.notifications.steps import again, kinds, newest, told
from venmo_api.core.events import EVENTS
from venmo_api.holds import jobs as holds
from venmo_api.notifications import notices, sentences
from venmo_api.notifications.rules import Kind
from venmo_api.requests import jobs as requests
from venmo_api.transfers import jobs as transfers
from venmo_api.wallet import jobs as wallet
from venmo_api.worker import SUBSCRIPTIONS

SLOW, SLOW_AND_FAILS = 9003, 9004


async def story_of(world: World, person: Person) -> str:
    await world.drain()
    return str((await person.get("/feed", scope="mine")).json()["data"][0]["id"])


async def funded(person: Person) -> str:
    return str((await person.post("/wallet/funding-sources", {"token": "sandbox_bank_ok"})).json()["id"])


def test_every_kind_has_its_words_and_what_is_told_is_subscribed_to() -> None:
    assert set(sentences.SENTENCES) == set(sentences.BRIEF) == set(Kind)
    subscribed = {kind for kind, handlers in SUBSCRIPTIONS.items() if any(h.__name__ == "tell" for h in handlers)}
    assert subscribed == set(notices.TOLD) <= set(EVENTS.values())


async def test_who_is_paid_is_told_and_who_pays_is_not(world: World) -> None:
    alice, bob = await world.person(money=5000, display_name="Alice {amount}"), await world.person()
    paid = (await alice.pay(bob, 1250)).json()
    [item] = await told(world, bob)
    assert item["kind"] == "paid"
    assert item["text"] == "Alice {amount} paid you $12.50."
    assert item["actor"]["id"] == alice.id
    assert item["subject"] == {"type": "transfer", "id": paid["id"]}
    assert (item["amount"], item["currency"], item["read_at"]) == (1250, "USD", None)
    assert item["created_at"] == paid["created_at"]
    assert await kinds(world, alice) == ["top_up_settled"]


async def test_names_are_those_of_now(world: World) -> None:
    alice, bob = await world.person(money=100, display_name="Before"), await world.person()
    await alice.pay(bob, 100)
    assert (await told(world, bob))[0]["text"] == "Before paid you $1.00."
    await alice.patch("/me", {"display_name": "After"})
    assert (await told(world, bob))[0]["text"] == "After paid you $1.00."


async def test_requests_are_told_to_whom_they_concern(world: World) -> None:
    alice, bob = await world.person(money=500), await world.person()
    body = {"payer": {"user_id": alice.id}, "amount": 300, "note": "tea"}
    asked = [(await bob.post("/requests", body, key=new_key())).json()["id"] for _ in range(4)]
    item = await newest(world, alice, "requested")
    assert item["text"].endswith(" asks you for $3.00.")
    assert item["subject"] == {"type": "request", "id": asked[-1]}
    assert await kinds(world, bob) == []
    await bob.post(f"/requests/{asked[0]}/remind")
    await bob.post(f"/requests/{asked[1]}/cancel")
    await alice.post(f"/requests/{asked[2]}/decline")
    await alice.post(f"/requests/{asked[3]}/accept", {}, key=new_key())
    assert (await kinds(world, alice))[:2] in (["request_cancelled", "reminded"], ["reminded", "request_cancelled"])
    assert sorted(await kinds(world, bob)) == ["paid", "request_declined"]
    world.clock.advance(timedelta(days=31))
    await requests.expire_requests(world.app)
    assert "request_expired" in await kinds(world, alice)
    assert "request_expired" in await kinds(world, bob)
    assert (await newest(world, bob, "request_expired"))["actor"]["id"] == alice.id


async def test_a_refund_is_told_to_who_gets_it(world: World) -> None:
    alice, bob = await world.person(money=500), await world.person()
    paid = (await alice.pay(bob, 300)).json()["id"]
    given = (await bob.post(f"/transfers/{paid}/refund", {"amount": 100}, key=new_key())).json()
    item = await newest(world, alice, "refunded")
    assert (item["amount"], item["subject"]["id"]) == (100, given["id"])
    assert await kinds(world, bob) == ["paid"]


async def test_a_payment_that_waited_is_told_when_it_is_claimed_and_when_it_comes_back(world: World) -> None:
    alice = await world.person(money=5000)
    newcomer = f"{alice.username}-friend"
    for address in (f"{newcomer}@example.com", f"{newcomer}@nowhere.example"):
        body = {"recipient": {"email": address}, "amount": 700, "note": "hi"}
        assert (await alice.post("/transfers", body, key=new_key())).json()["status"] == "pending"
    carol = await world.person(username=newcomer)
    await world.drain()
    await carol.verify("email")
    item = await newest(world, alice, "payment_claimed")
    assert (item["actor"]["id"], item["amount"]) == (carol.id, 700)
    assert "paid" in await kinds(world, carol)
    world.clock.advance(timedelta(days=15))
    await transfers.return_unclaimed(world.app)
    assert (await newest(world, alice, "payment_returned"))["actor"] is None


async def test_holds_are_told_to_the_other_side(world: World) -> None:
    payer, payee = await world.person(money=5000), await world.person()
    body = {"payee": {"user_id": payee.id}, "amount": 1000, "note": "room"}
    placed = [(await payer.post("/holds", body, key=new_key())).json()["id"] for _ in range(3)]
    item = await newest(world, payee, "hold_placed")
    assert (item["actor"]["id"], item["amount"], item["subject"]["id"]) == (payer.id, 1000, placed[2])
    await payee.post(f"/holds/{placed[0]}/capture", {"amount": 400}, key=new_key())
    await payee.post(f"/holds/{placed[0]}/capture", {}, key=new_key())
    await payee.post(f"/holds/{placed[1]}/void")
    found = await kinds(world, payer)
    assert found.count("hold_captured") == 2
    assert found.count("hold_released") == 1
    assert {item["amount"] for item in await told(world, payer) if item["kind"] == "hold_captured"} == {400, 600}
    world.clock.advance(timedelta(days=8))
    await holds.expire_holds(world.app)
    assert "hold_expired" in await kinds(world, payer)
    assert "hold_expired" in await kinds(world, payee)
    assert not {"hold_captured", "hold_released"} & set(await kinds(world, payee))


async def test_money_between_bank_and_balance_is_told_to_its_owner(world: World) -> None:
    alice = await world.person(money=50_000)
    source = await funded(alice)
    for amount in (SLOW, SLOW_AND_FAILS):
        await alice.post("/wallet/top-ups", {"funding_source_id": source, "amount": amount}, key=new_key())
        await alice.post("/wallet/cash-outs", {"funding_source_id": source, "amount": amount}, key=new_key())
    assert await kinds(world, alice) == ["top_up_settled"]
    world.clock.advance(timedelta(days=1, minutes=5))
    await wallet.settle_top_ups(world.app)
    await wallet.settle_cash_outs(world.app)
    found = await told(world, alice)
    assert {item["kind"]: item["amount"] for item in found[:4]} == {
        "top_up_settled": SLOW,
        "top_up_failed": SLOW_AND_FAILS,
        "cash_out_settled": SLOW,
        "cash_out_failed": SLOW_AND_FAILS,
    }


async def test_a_payment_that_the_bank_refuses_is_told_to_who_made_it(world: World) -> None:
    alice, bob = await world.person(), await world.person()
    source = await funded(alice)
    body = {"recipient": {"user_id": bob.id}, "amount": SLOW_AND_FAILS, "note": "x", "funding_source_id": source}
    answer = await alice.post("/transfers", body, key=new_key())
    assert answer.json()["status"] == "pending", answer.text
    world.clock.advance(timedelta(days=1, minutes=5))
    await transfers.settle_fundings(world.app)
    assert await kinds(world, alice) == ["payment_failed"]
    assert await kinds(world, bob) == []


async def test_friends_are_told_once_a_day_of_being_asked(world: World) -> None:
    alice, bob = await world.person(), await world.person()
    for _ in range(3):
        await alice.put(f"/friends/{bob.id}")
        await alice.delete(f"/friends/{bob.id}")
    await alice.put(f"/friends/{bob.id}")
    [item] = await told(world, bob)
    assert (item["kind"], item["subject"]) == ("friend_asked", {"type": "user", "id": alice.id})
    await bob.put(f"/friends/{alice.id}")
    assert await kinds(world, alice) == ["friendship_started"]
    assert await kinds(world, bob) == ["friend_asked"]


async def test_likes_and_reactions_are_told_to_the_parties_the_first_time(world: World) -> None:
    alice, bob, carol = await world.person(money=100), await world.person(), await world.person()
    await carol.befriend(alice)
    await alice.pay(bob, 100)
    story = await story_of(world, alice)
    for _ in range(2):
        assert (await carol.put(f"/stories/{story}/like")).status_code in (200, 204)
        await carol.delete(f"/stories/{story}/like")
    for emoji in ("🎉", "🍕"):
        assert (await carol.put(f"/stories/{story}/reactions/{emoji}")).status_code in (200, 204)
    await alice.put(f"/stories/{story}/like")
    item = await newest(world, bob, "reacted")
    assert item["text"].endswith("reacted to your payment: 🎉")
    assert item["subject"] == {"type": "story", "id": story}
    assert sorted(await kinds(world, bob)) == ["liked", "liked", "paid", "reacted"]
    found = await kinds(world, alice)
    assert (found.count("liked"), found.count("reacted")) == (1, 1)
    assert not {"liked", "reacted"} & set(await kinds(world, carol))


async def comment(person: Person, story: str, words: str) -> Any:
    answer = await person.post(f"/stories/{story}/comments", {"text": words})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_comments_are_told_to_the_parties_and_mentions_to_who_is_named(world: World) -> None:
    alice, bob = await world.person(money=100), await world.person()
    carol, stranger = await world.person(), await world.person()
    await carol.befriend(alice)
    await alice.pay(bob, 100)
    story = await story_of(world, alice)
    words = f"@{bob.username} and @{carol.username} and @{stranger.username}"
    written = await comment(alice, story, words)
    item = await newest(world, carol, "mentioned")
    assert item["subject"] == {"type": "story", "id": story, "comment_id": written["id"]}
    assert sorted(await kinds(world, bob)) == ["mentioned", "paid"]
    assert await kinds(world, stranger) == []
    assert "commented" not in await kinds(world, alice)
    await comment(carol, story, "nice")
    assert "commented" in await kinds(world, alice)
    assert (await kinds(world, bob))[0] == "commented"


async def test_what_concerns_signing_in_is_told(world: World) -> None:
    alice = await world.person()
    await alice.verify("email")
    await again(alice)
    await alice.post("/me/contacts", {"kind": "email", "address": f"{alice.username}@elsewhere.example"})
    await alice.verify("email")
    await alice.post("/auth/factors/codes", {"channel": "email"})
    found = await told(world, alice)
    assert {item["kind"] for item in found} == {"new_device", "contact_claimed", "contact_changed", "factor_changed"}
    assert all(item["actor"] is None for item in found)
    texts = " ".join(item["text"] for item in found)
    assert "e-mail address" in texts
    assert alice.email not in texts
