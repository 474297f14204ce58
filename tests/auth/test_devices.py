"""A device is known by its token. Of one that nothing vouches for its owner is told, and it sends little for a day."""

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import jwt
import pytest
from sqlalchemy import text

from tests.auth.signing_in import elsewhere, refresh, sign_in
from tests.conftest import Person, World, new_key
from venmo_api.adapters.postgres import Transaction
from venmo_api.auth import devices, jobs, sessions
from venmo_api.auth.rules import DEVICE_LASTS, REFRESH_SECONDS
from venmo_api.core import ids

DAY = timedelta(days=1)


def claims(person: Person) -> dict[str, Any]:
    return dict(jwt.decode(person.tokens["access_token"], options={"verify_signature": False}))


def session_of(person: Person) -> UUID:
    found = ids.decode(ids.SESSION, claims(person)["sid"])
    assert found is not None
    return found


async def notices(person: Person) -> list[str]:
    messages = (await person.get("/sandbox/inbox")).json()["data"]
    return [f"{message['channel']}: {message['text']}" for message in messages if "new device" in message["text"]]


async def prove(world: World, person: Person) -> Person:
    """As if a second factor had been shown on this device."""
    await world.app.database.transact(devices.prove, session_of(person))
    return await refreshed(world, person)


async def refreshed(world: World, person: Person) -> Person:
    answer = await refresh(world, person.tokens["refresh_token"])
    assert answer.status_code == 200, answer.text
    return dataclasses.replace(person, tokens=answer.json())


async def new_device_limit(person: Person) -> dict[str, Any] | None:
    limits = (await person.get("/limits")).json()["limits"]
    return next((one for one in limits if one["limit"] == "sent_new_device"), None)


def is_limited(answer: httpx2.Response, *, left: int) -> bool:
    told = answer.json()
    assert (answer.status_code, told["code"]) == (403, "new_device_limit"), answer.text
    assert (told["limit"], told["limit_amount"]) == ("sent_new_device", 100_00)
    return bool(told["left"] == left)


async def test_the_device_of_the_sign_up_is_known_from_the_start(fresh: World) -> None:
    alice = await fresh.person()
    assert len(alice.tokens["device_token"]) > 40
    assert "dsi" not in claims(alice)
    again = await sign_in(fresh, alice, device_token=alice.tokens["device_token"])
    assert "device_token" not in again
    assert "dsi" not in claims(dataclasses.replace(alice, tokens=again))
    await fresh.drain()
    assert await notices(alice) == []


async def test_of_a_new_device_every_proved_contact_is_told_once(fresh: World) -> None:
    alice = await fresh.person(phone="+14155550123")
    await alice.verify("phone")
    phone = await elsewhere(fresh, alice, agent="Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) Safari/604.1")
    await fresh.drain()
    [told] = await notices(alice)
    assert told.startswith("phone: ")
    assert "Safari on iPhone" in told
    assert "127.0.0.0/24" in told
    await elsewhere(fresh, alice, device_token=phone.tokens["device_token"])
    await fresh.drain()
    assert len(await notices(alice)) == 1


async def test_who_has_proved_no_contact_is_told_at_the_mail_address_they_gave(fresh: World) -> None:
    alice = await fresh.person(phone="+14155550124")
    await elsewhere(fresh, alice)
    await fresh.drain()
    [told] = await notices(alice)
    assert told.startswith("email: ")


@pytest.mark.parametrize("token", ["dt_" + "x" * 43, "nobody-has-this"])
async def test_a_token_that_was_never_given_makes_no_device_known(world: World, token: str) -> None:
    alice = await world.person()
    tokens = await sign_in(world, alice, device_token=token)
    assert tokens["device_token"] != token
    assert "dsi" in claims(dataclasses.replace(alice, tokens=tokens))


async def test_a_device_of_somebody_else_is_unknown(world: World) -> None:
    alice, bob = await world.person(), await world.person()
    tokens = await sign_in(world, bob, device_token=alice.tokens["device_token"])
    assert "device_token" in tokens


async def test_a_new_device_sends_a_hundred_dollars_on_its_first_day(strict_fresh: World) -> None:
    alice, bob = await strict_fresh.person("alice", money=900_00, verified=True), await strict_fresh.person("bob")
    phone = await elsewhere(strict_fresh, alice)
    assert (await phone.pay(bob, 60_00)).status_code == 201
    assert is_limited(await phone.pay(bob, 40_01), left=40_00)
    assert (await phone.pay(bob, 40_00, note="the rest")).status_code == 201
    assert is_limited(await phone.pay(bob, 1), left=0)
    assert (await alice.pay(bob, 100_00, note="from the device she has had for long")).status_code == 201
    told = await new_device_limit(phone)
    assert told is not None
    assert (told["limit_amount"], told["used"], told["left"], told["window_seconds"]) == (100_00, 100_00, 0, 86400)
    assert await new_device_limit(alice) is None
    strict_fresh.clock.advance(DAY)  # the token still says that the device is new; it is judged by the moment
    assert (await phone.pay(bob, 100_00, note="a day later")).status_code == 201
    assert await new_device_limit(phone) is None
    assert "dsi" not in claims(await refreshed(strict_fresh, phone))


async def test_a_refused_payment_binds_no_key_and_counts_nowhere(strict_fresh: World) -> None:
    alice, bob = await strict_fresh.person("alice", money=500_00), await strict_fresh.person("bob")
    await alice.befriend(bob)
    phone, key = await elsewhere(strict_fresh, alice), new_key()
    assert is_limited(await phone.pay(bob, 100_01, key=key), left=100_00)
    used = {one["limit"]: one["used"] for one in (await phone.get("/limits")).json()["limits"]}
    assert (used["sent"], used["sent_new_device"]) == (0, 0)
    assert (await alice.pay(bob, 250_00, key=key)).status_code == 201
    beyond_the_week = await phone.pay(bob, 50_00, note="dinner")
    assert beyond_the_week.json()["code"] == "limit_exceeded"
    assert (await new_device_limit(phone) or {})["used"] == 0


async def test_another_new_device_does_not_make_the_limit_new(strict_fresh: World) -> None:
    alice, bob = await strict_fresh.person("alice", money=250_00), await strict_fresh.person("bob")
    one, other = await elsewhere(strict_fresh, alice), await elsewhere(strict_fresh, alice)
    assert (await one.pay(bob, 70_00)).status_code == 201
    assert is_limited(await other.pay(bob, 30_01), left=30_00)
    assert (await other.pay(bob, 30_00)).status_code == 201


async def test_a_race_of_a_new_device_does_not_pass_its_limit(strict_fresh: World) -> None:
    alice, bob = await strict_fresh.person("alice", money=250_00), await strict_fresh.person("bob")
    devices_of_alice = [await elsewhere(strict_fresh, alice) for _ in range(2)]
    paying = [devices_of_alice[n % 2].pay(bob, 15_00, note=f"number {n}") for n in range(16)]
    answers = await asyncio.gather(*paying, alice.pay(bob, 1_00, note="from home"))
    assert sorted(answer.status_code for answer in answers) == [201] * 7 + [403] * 10
    assert await bob.balance() == 6 * 15_00 + 1_00


async def test_requests_holds_and_cash_outs_of_a_new_device_count_too(strict_fresh: World) -> None:
    alice, bob = await strict_fresh.person("alice", money=280_00), await strict_fresh.person("bob")
    source = (await alice.post("/wallet/funding-sources", {"token": "sandbox_bank_ok"})).json()["id"]
    phone = await elsewhere(strict_fresh, alice)
    hold = {"payee": {"user_id": bob.id}, "amount": 40_00, "note": "a room"}
    assert (await phone.post("/holds", hold, key=new_key())).status_code == 201
    asked = {"payer": {"user_id": alice.id}, "amount": 61_00, "note": "rent"}
    request = (await bob.post("/requests", asked, key=new_key())).json()["id"]
    assert is_limited(await phone.post(f"/requests/{request}/accept", {}, key=new_key()), left=60_00)
    cash_out = {"funding_source_id": source, "amount": 60_01}
    assert is_limited(await phone.post("/wallet/cash-outs", cash_out, key=new_key()), left=60_00)
    taken = await phone.post("/wallet/cash-outs", cash_out | {"amount": 60_00}, key=new_key())
    assert taken.status_code == 201, taken.text
    assert is_limited(await phone.post("/holds", hold | {"amount": 1}, key=new_key()), left=0)
    assert (await alice.post(f"/requests/{request}/accept", {}, key=new_key())).status_code == 200


async def test_refunds_by_a_new_device_count_too(strict_fresh: World) -> None:
    alice, bob = await strict_fresh.person("alice"), await strict_fresh.person("bob", money=250_00)
    await alice.befriend(bob)
    paid = (await bob.pay(alice, 250_00)).json()["id"]
    phone = await elsewhere(strict_fresh, alice)
    assert is_limited(await phone.post(f"/transfers/{paid}/refund", {}, key=new_key()), left=100_00)
    part = await phone.post(f"/transfers/{paid}/refund", {"amount": 70_00}, key=new_key())
    assert part.status_code == 201, part.text
    assert is_limited(await phone.pay(bob, 30_01), left=30_00)
    assert (await alice.post(f"/transfers/{paid}/refund", {"amount": 120_00}, key=new_key())).status_code == 201
    assert (await new_device_limit(phone) or {})["used"] == 70_00


async def test_a_device_that_a_second_factor_vouches_for_is_trusted_at_once(strict_fresh: World) -> None:
    alice, bob = await strict_fresh.person("alice", money=250_00), await strict_fresh.person("bob")
    await alice.befriend(bob)
    phone = await elsewhere(strict_fresh, alice)
    assert is_limited(await phone.pay(bob, 100_01), left=100_00)
    phone = await prove(strict_fresh, phone)
    assert (await phone.pay(bob, 100_00)).status_code == 201
    assert (await phone.pay(bob, 50_00)).status_code == 201


async def _kept(tx: Transaction) -> list[int]:
    counts = (
        "SELECT (SELECT count(*) FROM refresh_tokens), (SELECT count(*) FROM sessions), (SELECT count(*) FROM devices)"
    )
    return list((await tx.execute(text(counts))).one())


async def test_what_ran_out_is_dropped_and_what_counts_stays(fresh: World) -> None:
    alice = await fresh.person()
    phone = await elsewhere(fresh, alice)
    await refresh(fresh, phone.tokens["refresh_token"])
    kept = fresh.app.database.read
    assert await kept(_kept) == [3, 2, 2]
    assert await jobs.forget_old_sessions(fresh.app) == 0
    fresh.wall_clock.advance(timedelta(seconds=REFRESH_SECONDS - 3600))
    again = await elsewhere(fresh, alice, device_token=alice.tokens["device_token"])
    assert await jobs.forget_old_sessions(fresh.app) == 0
    fresh.wall_clock.advance(timedelta(seconds=3600))
    assert await jobs.forget_old_sessions(fresh.app) == 3 + 2
    assert await kept(_kept) == [1, 1, 2]
    assert (await refresh(fresh, again.tokens["refresh_token"])).status_code == 200
    fresh.wall_clock.advance(DEVICE_LASTS - timedelta(seconds=REFRESH_SECONDS))
    assert await jobs.forget_old_sessions(fresh.app) > 0
    assert await kept(_kept) == [0, 0, 1]
    assert "device_token" in await sign_in(fresh, alice, device_token=phone.tokens["device_token"])
    assert "device_token" not in await sign_in(fresh, alice, device_token=alice.tokens["device_token"])


async def test_a_thousand_sessions_are_dropped_in_parts(fresh: World) -> None:
    alice = await fresh.person()
    for _ in range(5):
        await elsewhere(fresh, alice)
    now = fresh.wall_clock.now() + timedelta(seconds=REFRESH_SECONDS + 60)
    dropped = [await fresh.app.database.transact(sessions.forget_old, before=now, most=2) for _ in range(5)]
    assert sum(dropped) == 12
    assert dropped[-1] == 0
