"""Accepting, declining, cancelling and reminding over HTTP: every state, every side, every refusal."""

from datetime import timedelta

import pytest

from tests.conftest import Person, World, new_key
from tests.ledger import audit
from tests.requests.steps import accept, ask, asked, status, take, told
from venmo_api.core.figures import DAY
from venmo_api.requests import jobs

STEPS = ("accept", "decline", "cancel", "remind")


async def _two(world: World, money: int = 5000) -> tuple[Person, Person]:
    return await world.person("alice"), await world.person("bob", money=money)


async def test_an_accepted_request_is_paid(fresh: World) -> None:
    alice, bob = await _two(fresh)
    request_id = await asked(alice, bob, 1250, note="pizza 🍕")
    answer = await accept(bob, request_id)
    document = answer.json()
    assert (answer.status_code, document["status"], document["ended_by"]) == (200, "settled", bob.id)
    transfer = document["transfer"]
    assert (transfer["id"], transfer["request_id"]) == (document["transfer_id"], request_id)
    assert (transfer["amount"], transfer["note"], transfer["status"]) == (1250, "pizza 🍕", "settled")
    assert (transfer["sender"]["id"], transfer["recipient"]["id"]) == (bob.id, alice.id)
    assert transfer["created_at"] == document["ended_at"]
    assert (await alice.balance(), await bob.balance()) == (1250, 3750)
    del document["transfer"]
    for person in (alice, bob):
        assert (await person.get(f"/requests/{request_id}")).json() == document
        found = (await person.get(f"/transfers/{transfer['id']}")).json()
        assert (found.pop("refunds"), found) == ([], transfer)
    assert await told(fresh, request_id) == [("RequestMade", None), ("RequestEnded", "settled")]
    await fresh.drain()
    [story] = (await alice.get("/feed", scope="mine")).json()["data"]
    assert (story["actor"]["id"], story["target"]["id"], story["amount"]) == (bob.id, alice.id, 1250)
    assert await audit.findings(fresh) == []


async def test_a_retried_accept_is_answered_as_the_first_time(fresh: World) -> None:
    alice, bob = await _two(fresh)
    request_id, key = await asked(alice, bob), new_key()
    first, again = await accept(bob, request_id, key=key), await accept(bob, request_id, key=key)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    other = await accept(bob, request_id, key=key, audience="private")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    another = await accept(bob, await asked(alice, bob), key=key)
    assert (another.status_code, another.json()["code"]) == (422, "idempotency_key_reused")
    assert await bob.balance() == 4000
    operation = (await bob.get(f"/operations/{key}")).json()
    assert (operation["state"], operation["route"], operation["result"]) == ("committed", "accept", first.json())
    assert await audit.findings(fresh) == []


async def test_a_second_accept_under_another_key_pays_nothing_and_tells_of_the_first(world: World) -> None:
    alice, bob = await _two(world)
    request_id = await asked(alice, bob)
    first = (await accept(bob, request_id)).json()
    again = await accept(bob, request_id)
    assert (again.status_code, again.json()["code"]) == (409, "request_not_pending")
    told = {name: again.json()[name] for name in ("request_status", "ended_by", "ended_at", "transfer_id")}
    assert told == {
        "request_status": "settled",
        "ended_by": bob.id,
        "ended_at": first["ended_at"],
        "transfer_id": first["transfer_id"],
    }
    assert f"@{bob.username} has paid" in again.json()["detail"]
    assert await bob.balance() == 4000


async def test_a_key_is_needed_to_accept(world: World) -> None:
    alice, bob = await _two(world)
    answer = await bob.post(f"/requests/{await asked(alice, bob)}/accept", {})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")


async def test_without_enough_money_it_stays_pending_and_the_refusal_is_remembered(fresh: World) -> None:
    alice, bob = await _two(fresh, money=999)
    request_id, key = await asked(alice, bob, 1000), new_key()
    refused = await accept(bob, request_id, key=key)
    assert (refused.status_code, refused.json()["code"]) == (402, "insufficient_funds")
    assert await status(bob, request_id) == "pending"
    await bob.top_up(1)
    again = await accept(bob, request_id, key=key)
    assert (again.status_code, again.content) == (402, refused.content)
    assert await bob.balance() == 1000
    assert (await accept(bob, request_id)).status_code == 200
    assert (await accept(bob, request_id, key=key)).content == refused.content
    assert await bob.balance() == 0
    assert await told(fresh, request_id) == [("RequestMade", None), ("RequestEnded", "settled")]
    assert await audit.findings(fresh) == []


async def test_the_limit_counts_and_refuses(strict: World) -> None:
    alice, bob = await _two(strict, money=50_000)
    await alice.befriend(bob)
    assert (await accept(bob, await asked(alice, bob, 20_000))).status_code == 200
    request_id = await asked(alice, bob, 10_000)
    refused = await accept(bob, request_id)
    assert (refused.status_code, refused.json()["code"], refused.json()["left"]) == (402, "limit_exceeded", 9999)
    assert await status(bob, request_id) == "pending"


async def test_a_stranger_who_asks_for_much_is_confirmed_and_equal_requests_are_no_duplicates(strict: World) -> None:
    alice, bob = await _two(strict, money=50_000)
    first, second = await asked(alice, bob, 14_000), await asked(alice, bob, 14_000)
    unsure = await accept(bob, first)
    assert (unsure.status_code, unsure.json()["code"]) == (403, "payee_confirmation_needed")
    assert await status(bob, first) == "pending"
    code = (await alice.get("/me/pay-code")).json()["pay_code"]
    assert (await accept(bob, first, confirmation={"pay_code": code})).status_code == 200
    assert (await accept(bob, second)).status_code == 200


@pytest.mark.parametrize(
    ("asked_for", "said", "holds"),
    [("private", "public", "private"), (None, "private", "private"), (None, None, "friends")],
)
async def test_the_stricter_wish_of_both_holds(
    world: World, asked_for: str | None, said: str | None, holds: str
) -> None:
    alice, bob = await _two(world)
    request_id = (await ask(alice, bob, **({"audience": asked_for} if asked_for else {}))).json()["id"]
    answer = await accept(bob, request_id, **({"audience": said} if said else {}))
    assert answer.json()["transfer"]["audience"] == holds
    assert answer.json()["audience"] == asked_for


async def test_a_dry_run_of_accepting_pays_nothing(fresh: World) -> None:
    alice, bob = await _two(fresh)
    request_id, key = await asked(alice, bob), new_key()
    rehearsed = (await accept(bob, request_id, key=key, dry_run=True)).json()
    assert (rehearsed["status"], rehearsed["answer"]["status"]) == (200, "settled")
    assert rehearsed["balances"]["after"]["available"] == 4000
    assert (await bob.balance(), await status(bob, request_id)) == (5000, "pending")
    assert await told(fresh, request_id) == [("RequestMade", None)]
    poor = await asked(alice, bob, 5001)
    assert (await accept(bob, poor, dry_run=True)).status_code == 402
    assert (await accept(bob, request_id, key=key)).status_code == 200
    refused = await accept(bob, request_id, dry_run=True)
    assert (refused.status_code, refused.json()["code"]) == (409, "request_not_pending")
    assert await audit.findings(fresh) == []


async def test_what_is_not_right_in_the_body_is_422(world: World) -> None:
    alice, bob = await _two(world)
    request_id = await asked(alice, bob)
    for body in ({"audience": "all"}, {"amount": 5}, {"confirmation": {}}, {"dry_run": 1}):
        assert (await accept(bob, request_id, **body)).status_code == 422  # type: ignore[arg-type]
    assert (await accept(bob, request_id, confirmation={"phone_last4": "0000"})).status_code == 200


@pytest.mark.parametrize("step", ["decline", "cancel"])
async def test_either_side_ends_it_and_then_nothing_else_is_possible(world: World, step: str) -> None:
    alice, bob = await _two(world)
    request_id = await asked(alice, bob)
    one, other = (bob, alice) if step == "decline" else (alice, bob)
    first = await one.post(f"/requests/{request_id}/{step}")
    document = first.json()
    assert (first.status_code, document["status"], document["ended_by"]) == (200, "cancelled", one.id)
    assert document["ended_at"] >= document["created_at"]
    assert (document["transfer_id"], document["id"]) == (None, request_id)
    again = await one.post(f"/requests/{request_id}/{step}")
    assert (again.status_code, again.content) == (200, first.content)
    assert (await other.get(f"/requests/{request_id}")).json() == document
    assert await told(world, request_id) == [("RequestMade", None), ("RequestEnded", "cancelled")]
    await _refused(alice, bob, request_id, "cancelled", by=one, but=step)
    assert await bob.balance() == 5000


async def test_what_is_settled_takes_no_step(world: World) -> None:
    alice, bob = await _two(world)
    request_id = await asked(alice, bob)
    await accept(bob, request_id)
    await _refused(alice, bob, request_id, "settled", by=bob)
    assert await bob.balance() == 4000


@pytest.mark.parametrize("job_has_run", [False, True])
async def test_what_has_expired_takes_no_step_even_if_no_job_has_run(fresh: World, job_has_run: bool) -> None:
    alice, bob = await _two(fresh)
    request_id = await asked(alice, bob)
    fresh.clock.advance(timedelta(days=30))
    before = (await alice.get(f"/requests/{request_id}")).json()
    if job_has_run:
        assert await jobs.expire_requests(fresh.app) == 1
    await _refused(alice, bob, request_id, "expired", by=None)
    after = (await alice.get(f"/requests/{request_id}")).json()
    assert after == before
    assert (after["status"], after["ended_at"], after["ended_by"]) == ("expired", after["expires_at"], None)
    assert await bob.balance() == 5000


async def test_the_other_side_s_step_is_403_whatever_the_state(world: World) -> None:
    alice, bob = await _two(world)
    request_id = await asked(alice, bob)
    for _ in range(2):
        for person, steps in ((alice, ("accept", "decline")), (bob, ("cancel", "remind"))):
            for step in steps:
                answer = await take(person, request_id, step)
                assert (answer.status_code, answer.json()["code"]) == (403, "request_step_not_yours"), step
                assert step in answer.json()["detail"]
        await bob.post(f"/requests/{request_id}/decline")


async def test_one_reminder_a_day(world: World) -> None:
    alice, bob = await _two(world)
    request_id = await asked(alice, bob)
    first = await alice.post(f"/requests/{request_id}/remind")
    assert (first.status_code, first.json()["reminders"], first.json()["status"]) == (200, 1, "pending")
    assert first.json()["reminded_at"] is not None
    refused = await alice.post(f"/requests/{request_id}/remind")
    assert (refused.status_code, refused.json()["code"]) == (429, "reminded_already")
    assert DAY - 60 < int(refused.headers["retry-after"]) <= DAY
    assert refused.json()["again_at"] in refused.json()["detail"]
    world.clock.advance(timedelta(seconds=int(refused.headers["retry-after"])))
    second = await alice.post(f"/requests/{request_id}/remind")
    assert (second.status_code, second.json()["reminders"]) == (200, 2)
    reminders = ("RequestReminded", None)
    assert await told(world, request_id) == [("RequestMade", None), reminders, reminders]


async def _refused(alice: Person, bob: Person, request_id: str, how: str, *, by: Person | None, but: str = "") -> None:
    """Every step but ``but`` is refused to the person who could have taken it."""
    for step in set(STEPS) - {but}:
        answer = await take(bob if step in ("accept", "decline") else alice, request_id, step)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (409, "request_not_pending"), step
        assert (problem["request_status"], problem["ended_by"]) == (how, by.id if by else None)
        assert how in problem["detail"]
        assert by is None or f"@{by.username}" in problem["detail"]
