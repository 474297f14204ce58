"""Payments as they are screened over HTTP: what is logged, what is declined, what is held, and what nobody is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest

from tests.conftest import Person, World, new_key
from tests.risk.steps import WARY, Constant, block, decisions, snooze, wary
from tests.transfers.commands import user_id
from tests.transfers.steps import new_email, pay_contact, run, wallet
from venmo_api.risk import features
from venmo_api.risk.features import INDEX
from venmo_api.risk.lists import List
from venmo_api.settings import Settings

DECLINED = {
    "title": "Declined",
    "status": 402,
    "code": "payment_declined",
    "detail": "This was declined to protect you and others, and nothing has moved. Trying again will not help; contact "
    "support if you think it is a mistake.",
}

SPOIL = """INSERT INTO risk_counters VALUES ($1, '{') ON CONFLICT (entity_id) DO UPDATE SET record = '{'"""


@pytest.fixture
async def careful(settings: Settings) -> AsyncIterator[World]:
    """A service whose rules a few payments trip."""
    async with wary(settings) as world:
        yield world


def _told(answer: httpx2.Response) -> dict[str, object]:
    return {name: answer.json().get(name) for name in DECLINED}


async def test_every_payment_is_logged_with_all_it_was_decided_on(world: World) -> None:
    alice, bob = await world.person("alice", money=10_000), await world.person("bob")
    for amount in (10, 20):
        assert (await alice.pay(bob, amount)).status_code == 201
    first, second = await decisions(world, alice)
    assert first["decided_at"] < second["decided_at"]
    assert (second["kind"], second["amount"], second["verdict"], second["reasons"]) == ("payment", 20, "allow", [])
    assert (second["recipient_id"], second["holdable"], second["degraded"]) == (user_id(bob), True, False)
    assert (second["model"], second["score"], second["listed"], second["snoozed"]) == (None, None, [], [])
    assert first["device_id"] == second["device_id"] is not None
    assert 0 <= second["latency_us"] < 10_000_000
    vector = features.unpacked(second["features"])
    read = {name: vector[INDEX[name]] for name in ("amount", "sender_sent_sum_24h", "recipient_received_count_30d")}
    assert read == {"amount": 20, "sender_sent_sum_24h": 10, "recipient_received_count_30d": 1}
    [policy] = await run(world, "SELECT figures FROM risk_policies WHERE version = $1", second["policy"])
    assert json.loads(policy["figures"]) == world.app.figures.risk.document


async def test_a_declined_payment_moves_nothing_and_is_answered_again_under_its_key(world: World) -> None:
    alice, mallory = await world.person("alice", money=1000), await world.person("mallory")
    await block(world, mallory)
    key = new_key()
    answer = await alice.pay(mallory, 10, key=key)
    assert _told(answer) == DECLINED
    assert await wallet(alice) == (1000, 0, 0)
    again = await alice.pay(mallory, 10, key=key)
    assert (again.status_code, again.content, again.headers["idempotent-replayed"]) == (402, answer.content, "true")
    [logged] = await decisions(world, alice)
    assert (logged["verdict"], logged["reasons"], logged["listed"]) == (
        "deny",
        ["recipient_blocked"],
        ["recipient_blocked"],
    )
    assert (await alice.pay(await world.person("bob"), 10)).status_code == 201
    counted = features.unpacked((await decisions(world, alice))[1]["features"])
    assert counted[INDEX["sender_sent_count_24h"]] == 0, "what is declined is not counted"
    assert (await alice.get("/transfers")).json()["data"][-1]["recipient"]["username"] != mallory.username


async def test_who_is_listed_can_neither_pay_nor_be_paid_whatever_they_are_called(world: World) -> None:
    alice, mallory = await world.person("alice", money=1000), await world.person("mallory", money=1000)
    email = new_email()
    await block(world, mallory, name=List.SANCTIONS)
    await block(world, contact=email)
    assert _told(await mallory.pay(alice, 10)) == DECLINED
    by_name = {"recipient": {"username": mallory.username}, "amount": 10, "note": "lunch"}
    assert _told(await alice.post("/transfers", by_name, key=new_key())) == DECLINED
    assert _told(await pay_contact(alice, email, 10)) == DECLINED
    assert (await pay_contact(alice, new_email(), 10)).status_code == 201
    assert [row["reasons"] for row in await decisions(world, alice)] == [
        ["recipient_sanctioned"],
        ["recipient_blocked"],
        [],
    ]
    assert [row["reasons"] for row in await decisions(world, mallory)] == [["sender_sanctioned"]]


async def test_a_reviewed_payment_is_held_and_looks_like_any_other(careful: World) -> None:
    alice, bob = await careful.person("alice", money=50_000), await careful.person("bob")
    usual, held = await alice.pay(bob, 5_000), await alice.pay(bob, 6_000)
    assert (usual.json()["status"], held.status_code, held.json()["status"]) == ("settled", 201, "held")
    assert usual.json().keys() == held.json().keys()
    assert usual.headers.keys() == held.headers.keys()
    differing = {name for name in usual.json() if usual.json()[name] != held.json()[name]}
    assert differing == {"id", "amount", "status", "created_at", "expires_at"}
    assert await wallet(alice) == (39_000, 6_000, 0)
    assert await wallet(bob) == (5_000, 0, 0)
    assert (await bob.get(f"/transfers/{held.json()['id']}")).status_code == 404
    assert [row["id"] for row in (await bob.get("/transfers")).json()["data"]] == [usual.json()["id"]]
    assert [row["reasons"] for row in await decisions(careful, alice)] == [[], ["velocity_hour"]]
    topics = "SELECT topic FROM events WHERE payload ->> 'sender_id' = $1 ORDER BY created_at, id"
    assert [row["topic"] for row in await run(careful, topics, str(user_id(alice)))] == [
        "TransferSettled",
        "TransferHeld",
    ]


async def test_a_rule_is_snoozed_for_one_sender_until_a_moment(careful: World) -> None:
    alice, bob = await careful.person("alice", money=50_000), await careful.person("bob")
    await snooze(careful, alice, "velocity_hour", until=careful.clock.now() + timedelta(hours=1))
    await snooze(careful, alice, "velocity_day", until=careful.clock.now() - timedelta(hours=1))
    answers = [await alice.pay(bob, 6_000) for _ in range(3)]
    assert [answer.json()["status"] for answer in answers] == ["settled"] * 3
    assert (await decisions(careful, alice))[-1]["snoozed"] == ["velocity_hour"]


async def test_a_dry_run_shows_nothing_of_risk_and_logs_nothing(careful: World) -> None:
    alice, bob, mallory = [await careful.person(name, money=50_000) for name in ("alice", "bob", "mallory")]
    await alice.pay(bob, 5_000)
    await block(careful, mallory)
    for payee in (bob, mallory):
        answer = await alice.pay(payee, 10_000, dry_run=True)
        assert (answer.status_code, answer.json()["answer"]["status"]) == (200, "settled")
    source = (await mallory.get("/wallet/funding-sources")).json()["data"][0]["id"]
    body = {"funding_source_id": source, "amount": 100, "speed": "instant", "dry_run": True}
    assert (await mallory.post("/wallet/cash-outs", body, key=new_key())).status_code == 200
    assert len(await decisions(careful, alice)) == 1
    assert await decisions(careful, mallory) == []


async def _cash_out(person: Person, amount: int) -> httpx2.Response:
    source = (await person.post("/wallet/funding-sources", {"token": "sandbox_bank_ok"})).json()["id"]
    body = {"funding_source_id": source, "amount": amount, "speed": "instant"}
    return await person.post("/wallet/cash-outs", body, key=new_key())


async def test_a_new_account_that_cashes_out_what_came_in_is_declined(careful: World) -> None:
    alice, mule = await careful.person("alice", money=50_000), await careful.person("mule", money=20_000)
    assert (await _cash_out(mule, 10_000)).status_code == 201, "their own money is theirs to take"
    await alice.pay(mule, WARY.new_account_received)
    refused = await _cash_out(mule, 2_000)
    assert _told(refused) == DECLINED
    assert (await wallet(mule))[:2] == (20_000, 0)
    rows = await decisions(careful, mule)
    assert [(row["kind"], row["verdict"], row["reasons"]) for row in rows] == [
        ("cash_out", "allow", []),
        ("cash_out", "deny", ["new_account_cash_out"]),
    ]
    await snooze(careful, mule, "new_account_cash_out", until=careful.clock.now() + timedelta(hours=1))
    assert (await _cash_out(mule, 2_000)).status_code == 201


async def test_money_from_many_is_held_when_it_is_passed_on(careful: World) -> None:
    mule, boss = await careful.person("mule"), await careful.person("boss")
    for number in range(3):
        payer = await careful.person(f"payer{number}", money=4_000)
        assert (await payer.pay(mule, 4_000)).json()["status"] == "settled"
    assert (await mule.pay(boss, 9_600)).json()["status"] == "held"
    assert (await decisions(careful, mule))[0]["reasons"] == ["mule_forwards"]


async def test_a_request_is_paid_under_the_same_rules(careful: World) -> None:
    alice, bob = await careful.person("alice", money=50_000), await careful.person("bob")
    await alice.pay(bob, 5_000)
    asking = await bob.post(
        "/requests", {"payer": {"user_id": alice.id}, "amount": 9_000, "note": "rent"}, key=new_key()
    )
    accepted = await alice.post(f"/requests/{asking.json()['id']}/accept", {}, key=new_key())
    assert (accepted.status_code, accepted.json()["transfer"]["status"]) == (200, "held")
    assert (await wallet(alice))[1] == 9_000
    await block(careful, bob)
    other = await bob.post("/requests", {"payer": {"user_id": alice.id}, "amount": 10, "note": "rent"}, key=new_key())
    assert _told(await alice.post(f"/requests/{other.json()['id']}/accept", {}, key=new_key())) == DECLINED


async def test_what_a_bank_would_pay_and_what_is_authorised_cannot_wait_and_is_declined(careful: World) -> None:
    alice, bob = await careful.person("alice", money=6_000), await careful.person("bob")
    await alice.pay(bob, 5_000)
    source = (await alice.get("/wallet/funding-sources")).json()["data"][0]["id"]
    assert _told(await alice.pay(bob, 20_000, funding_source_id=source)) == DECLINED
    body = {"payee": {"user_id": bob.id}, "amount": 900, "note": "deposit"}
    assert (await alice.post("/holds", body, key=new_key())).status_code == 201
    await alice.top_up(20_000)
    assert _told(await alice.post("/holds", body | {"amount": 10_000}, key=new_key())) == DECLINED
    rows = await decisions(careful, alice)
    assert [(row["verdict"], row["holdable"]) for row in rows] == [
        ("allow", True), ("deny", False), ("allow", False), ("deny", False),
    ]  # fmt: skip
    assert await wallet(alice) == (20_100, 900, 0)


async def test_counters_that_cannot_be_read_leave_rules_alone_and_a_cap(careful: World) -> None:
    alice, bob = await careful.person("alice", money=50_000), await careful.person("bob")
    for spoilt, amount, status in ((alice, 1_000, "settled"), (bob, 1_001, "held")):
        await run(careful, SPOIL, user_id(spoilt))
        assert (await alice.pay(bob, amount)).json()["status"] == status
    assert (await alice.pay(bob, 2_000)).json()["status"] == "settled", "they are counted anew"
    rows = await decisions(careful, alice)
    assert [(row["degraded"], row["reasons"]) for row in rows] == [
        (True, []), (True, ["degraded_amount"]), (False, []),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("score", "amount", "status", "reasons"),
    [
        (0.5, 10, 201, []),
        (0.97, 10, 201, ["score_high"]),
        (0.9999, 10, 402, ["score_very_high"]),
        (float("nan"), 10, 201, []),
        (None, WARY.degraded_most, 201, []),
        (None, WARY.degraded_most + 1, 201, ["degraded_amount"]),
    ],
)
async def test_a_model_is_asked_and_done_without(
    settings: Settings, score: float | None, amount: int, status: int, reasons: list[str]
) -> None:
    async with wary(settings, scorer=Constant(score)) as world:
        alice, bob = await world.person("alice", money=50_000), await world.person("bob")
        assert (await alice.pay(bob, amount)).status_code == status
        [row] = await decisions(world, alice)
    scored = score if score and score <= 1 else None
    assert (row["score"], row["model"], row["degraded"]) == (scored, "c" * 64, scored is None)
    assert row["reasons"] == reasons


async def test_no_decision_is_in_what_is_frozen(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=1000), await fresh.person("bob")
    frozen = fresh.clock.now() + timedelta(days=3)
    await run(fresh, "UPDATE archive_horizons SET frozen_through = $1 WHERE group_name = 'risk'", frozen)
    for _ in range(2):
        assert (await alice.pay(bob, 10)).status_code == 201
    assert [row["decided_at"] for row in await decisions(fresh, alice)] == [
        frozen + timedelta(microseconds=1),
        frozen + timedelta(microseconds=2),
    ]


async def test_payments_that_race_are_each_counted_once(world: World) -> None:
    payers = [await world.person("payer", money=1000) for _ in range(4)]
    payee = await world.person("payee")
    answers = await asyncio.gather(*(payer.pay(payee, 10, note=str(n)) for n in range(10) for payer in payers))
    assert {answer.status_code for answer in answers} == {201}
    rows = await run(world, "SELECT * FROM risk_decisions WHERE recipient_id = $1 ORDER BY decided_at", user_id(payee))
    counted = [features.unpacked(row["features"])[INDEX["recipient_received_count_24h"]] for row in rows]
    assert counted == list(range(40))
    assert len({row["decided_at"] for row in rows}) == 40
