"""Release, cancel and expiry of one payment at once: exactly one wins, and money moves once."""

import asyncio
from functools import partial
from typing import Any

from tests.conftest import World, new_key
from tests.ledger import audit
from tests.races import storm
from tests.transfers.steps import new_email, pay_contact, run, until_answered, verify, wallet
from tests.transfers.test_reviews import MUCH, held, uuid_of
from venmo_api.core.errors import AppError
from venmo_api.requests import service as requests
from venmo_api.transfers import jobs, reviews


async def outcome(step: Any) -> str:
    try:
        return str((await step()).status)
    except AppError as refusal:
        return refusal.code


async def test_of_release_cancel_and_expiry_exactly_one_wins(careful_fresh: World) -> None:
    world = careful_fresh
    async with storm.second_app(world) as other:
        for turn in range(6):
            alice, bob, paid = await held(world)
            if turn % 2:  # the end of its time comes while they decide
                await run(world, "UPDATE transfers SET expires_at = now() WHERE id = $1", uuid_of(paid["id"]))
            steps = [
                partial(app.database.transact, step, app, uuid_of(paid["id"]))
                for app in (world.app, other.app)
                for step in (requests.release, reviews.cancel)
            ]
            order = [(at + turn) % len(steps) for at in range(len(steps))]
            *said, returned, again = await asyncio.gather(
                *(outcome(steps[at]) for at in order),
                jobs.return_undecided(world.app),
                jobs.return_undecided(other.app),
            )
            status = (await alice.get(f"/transfers/{paid['id']}")).json()["status"]
            won = [one for one in said if one != "payment_not_held"]
            assert won == ([] if status == "expired" else [status])
            assert returned + again == (status == "expired")
            settled = status == "settled"
            assert await wallet(alice) == (200_00 - MUCH * settled, 0, 0)
            assert await wallet(bob) == (MUCH * settled, 0, 0)
    ends = "SELECT count(*) AS times FROM events WHERE topic IN ('TransferEnded', 'TransferSettled')"
    assert (await run(world, ends))[0]["times"] == 6
    assert await audit.findings(world) == []


async def test_a_release_and_the_proof_of_the_contact_meet(careful_fresh: World) -> None:
    world, email = careful_fresh, new_email()
    alice = await world.person("alice", money=500_00)
    waiting = [(await pay_contact(alice, email, MUCH, note=f"{number}")).json()["id"] for number in range(3)]
    bob = await world.person("bob", email=email)
    await verify(world, "email", email)
    await asyncio.gather(
        *(outcome(partial(world.app.database.transact, requests.release, world.app, uuid_of(one))) for one in waiting),
        world.drain(),
    )
    await world.drain()
    assert (await wallet(alice), await wallet(bob)) == ((50_00, 0, 0), (3 * MUCH, 0, 0))
    assert await audit.findings(world) == []


async def test_a_request_is_paid_once_however_it_is_accepted_released_and_withdrawn(careful_fresh: World) -> None:
    world = careful_fresh
    for turn in range(4):
        alice, bob = await world.person("alice", money=400_00), await world.person("bob")
        body = {"payer": {"user_id": alice.id}, "amount": MUCH, "note": "rent"}
        request = (await bob.post("/requests", body, key=new_key())).json()["id"]
        accepting = partial(alice.post, f"/requests/{request}/accept", {})
        answers = await asyncio.gather(*(until_answered(partial(accepting, key=new_key())) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
        [paid] = [answer.json()["transfer"]["id"] for answer in answers if answer.status_code == 200]
        steps: list[Any] = [
            outcome(partial(world.app.database.transact, requests.release, world.app, uuid_of(paid))),
            bob.post(f"/requests/{request}/cancel"),
            world.drain(),
        ]
        await asyncio.gather(*(steps if turn % 2 else reversed(steps)))
        await world.drain()
        status = (await bob.get(f"/requests/{request}")).json()["status"]
        settled = status == "settled"
        assert status in ("settled", "cancelled")
        assert (await alice.get(f"/transfers/{paid}")).json()["status"] == status
        assert await wallet(alice) == (400_00 - MUCH * settled, 0, 0)
        assert await wallet(bob) == (MUCH * settled, 0, 0)
    assert await audit.findings(world) == []
