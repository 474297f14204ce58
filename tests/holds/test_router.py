"""Authorisations as clients meet them: what is held, captured, given back, listed, and what is refused."""

from datetime import datetime, timedelta

import pytest

from tests.conftest import Person, World, new_key
from tests.holds.steps import authorise, capture, held, void
from tests.ledger import audit
from tests.transfers.steps import give_back, run, wallet

REFUSED = [
    {"amount": 0},
    {"amount": True},
    {"currency": "EUR"},
    {"note": ""},
    {"note": "a\u0000b"},
    {"audience": "everybody"},
    {"audience": None},
    {"expires_in_seconds": 59},
    {"expires_in_seconds": 30 * 86400 + 1},
    {"expires_in_seconds": 60.0},
    {"expires_in_seconds": "60"},
    {"confirmation": {}},
    {"payee": {}},
    {"payee": {"username": "bob", "email": "bob@example.com"}},
    {"recipient": {"username": "bob"}},
]


async def test_what_is_authorised_is_set_aside_and_not_spendable(world: World) -> None:
    alice, bob, _ = await held(world, 700, money=1000)
    assert await wallet(alice) == (300, 700, 0)
    assert (await alice.pay(bob, 301)).json()["code"] == "insufficient_funds"
    assert (await authorise(alice, bob, 301)).json()["code"] == "insufficient_funds"
    assert (await alice.pay(bob, 300)).status_code == 201
    assert (await wallet(alice), await wallet(bob)) == ((0, 700, 0), (300, 0, 0))


async def test_the_document_of_an_authorisation(world: World) -> None:
    alice, bob = await world.person("alice", money=1000), await world.person("bob")
    document = (await authorise(alice, bob, 400, expires_in_seconds=3600)).json()
    created, expires = (datetime.fromisoformat(document.pop(name)) for name in ("created_at", "expires_at"))
    assert expires - created == timedelta(hours=1)
    assert document.pop("id").startswith("hold_")
    assert (document.pop("payer")["id"], document.pop("payee")["id"]) == (alice.id, bob.id)
    assert document == {
        "status": "held",
        "amount": 400,
        "captured": 0,
        "left": 400,
        "currency": "USD",
        "note": "deposit",
        "audience": "private",
        "ended_at": None,
    }


async def test_an_authorisation_lasts_a_week_unless_it_says_otherwise(world: World) -> None:
    alice, _, hold = await held(world)
    document = (await alice.get(f"/holds/{hold}")).json()
    lasts = datetime.fromisoformat(document["expires_at"]) - datetime.fromisoformat(document["created_at"])
    assert lasts == timedelta(days=7)


@pytest.mark.parametrize("seconds", [60, 30 * 86400])
async def test_the_shortest_and_the_longest(world: World, seconds: int) -> None:
    alice, _, hold = await held(world, expires_in_seconds=seconds)
    document = (await alice.get(f"/holds/{hold}")).json()
    lasts = datetime.fromisoformat(document["expires_at"]) - datetime.fromisoformat(document["created_at"])
    assert lasts == timedelta(seconds=seconds)


@pytest.mark.parametrize("kind", ["username", "email"])
async def test_payees_are_named_as_in_payments(world: World, kind: str) -> None:
    alice, bob = await world.person(money=10), await world.person()
    await bob.verify()
    answer = await authorise(alice, bob, 10, payee={kind: getattr(bob, kind)})
    assert (answer.status_code, answer.json()["payee"]["id"]) == (201, bob.id)


@pytest.mark.parametrize("body", REFUSED, ids=str)
async def test_bodies_that_cannot_be_right_are_refused(world: World, body: dict[str, object]) -> None:
    alice, bob = await world.person(money=10), await world.person()
    assert (await authorise(alice, bob, 10, **body)).status_code == 422
    assert await wallet(alice) == (10, 0, 0)


async def test_nobody_and_oneself_cannot_be_authorised_and_bind_no_key(world: World) -> None:
    alice, bob = await world.person(money=10), await world.person()
    key = new_key()
    for payee in ({"user_id": "usr_" + "0" * 32}, {"username": "nobody_at_all"}, {"email": "nobody@example.com"}):
        answer = await authorise(alice, bob, 10, key=key, payee=payee)
        assert (answer.status_code, answer.json()["code"]) == (404, "payee_not_found")
        assert answer.json()["errors"][0]["pointer"] == "/payee"
    unproved = await authorise(alice, bob, 10, key=key, payee={"email": bob.email})
    assert (unproved.status_code, unproved.json()["code"]) == (404, "payee_not_found")
    answer = await authorise(alice, alice, 10, key=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "cannot_hold_for_self")
    assert (await authorise(alice, bob, 10, key=key)).status_code == 201


async def test_a_refusal_for_want_of_money_is_remembered(world: World) -> None:
    alice, bob = await world.person(), await world.person()
    key = new_key()
    first = await authorise(alice, bob, 10, key=key)
    assert (first.status_code, first.json()["code"]) == (402, "insufficient_funds")
    await alice.top_up(10)
    again = await authorise(alice, bob, 10, key=key)
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert await wallet(alice) == (10, 0, 0)


async def test_one_key_authorises_once_and_not_something_else(world: World) -> None:
    alice, bob = await world.person(money=100), await world.person()
    key = new_key()
    answers = [await authorise(alice, bob, 10, key=key) for _ in range(3)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert (await authorise(alice, bob, 11, key=key)).json()["code"] == "idempotency_key_reused"
    assert await wallet(alice) == (90, 10, 0)
    told = (await alice.get(f"/operations/{key}")).json()
    assert (told["route"], told["result"]) == ("hold", answers[0].json())


async def test_captures_in_parts_settle_it_with_the_last(fresh: World) -> None:
    alice, bob, hold = await held(fresh, 1000)
    first = (await capture(bob, hold, 300, note="first night")).json()
    assert (first["hold"]["status"], first["hold"]["captured"], first["hold"]["left"]) == ("held", 300, 700)
    paid = first["transfer"]
    assert (paid["status"], paid["amount"], paid["note"], paid["hold_id"]) == ("settled", 300, "first night", hold)
    assert (paid["sender"]["id"], paid["recipient"]["id"], paid["audience"]) == (alice.id, bob.id, "private")
    assert (await wallet(alice), await wallet(bob)) == ((0, 700, 0), (300, 0, 0))
    last = await capture(bob, hold)
    assert last.status_code == 201
    ended = last.json()["hold"]
    assert (ended["status"], ended["captured"], ended["left"]) == ("settled", 1000, 0)
    assert ended["ended_at"] == last.json()["transfer"]["created_at"]
    assert last.json()["transfer"]["note"] == "deposit"
    assert (await wallet(alice), await wallet(bob)) == ((0, 0, 0), (1000, 0, 0))
    assert (await alice.get(f"/transfers/{paid['id']}")).json() == paid | {"refunds": []}
    assert await _told(fresh) == [
        ("HoldPlaced", None),
        ("HoldCaptured", None),
        ("HoldCaptured", None),
        ("HoldEnded", "settled"),
    ]
    assert await audit.findings(fresh) == []


async def test_what_the_payee_says_of_a_capture_is_not_told_as_the_payer_s_story(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=1000), await fresh.person("bob")
    await bob.patch("/me", {"default_audience": "public"})
    hold = (await authorise(alice, bob, 1000, audience="public")).json()["id"]
    own = (await capture(bob, hold, 300, note="I steal from work")).json()["transfer"]
    assert (own["note"], own["audience"]) == ("I steal from work", "private")
    theirs = (await capture(bob, hold)).json()["transfer"]
    assert (theirs["note"], theirs["audience"]) == ("deposit", "public")
    await fresh.drain()
    carol = await fresh.person("carol")
    assert [story["note"] for story in (await carol.get("/feed", scope="public")).json()["data"]] == ["deposit"]


async def test_a_final_capture_gives_back_the_rest(fresh: World) -> None:
    alice, bob, hold = await held(fresh, 1000)
    ended = (await capture(bob, hold, 400, final=True)).json()["hold"]
    assert (ended["status"], ended["captured"], ended["left"]) == ("settled", 400, 0)
    assert (await wallet(alice), await wallet(bob)) == ((600, 0, 0), (400, 0, 0))
    assert (await capture(bob, hold, 1)).json()["code"] == "hold_ended"
    assert await _told(fresh) == [("HoldPlaced", None), ("HoldCaptured", None), ("HoldEnded", "settled")]
    assert await audit.findings(fresh) == []


async def test_nothing_is_lent_while_money_is_authorised(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=500), await fresh.person("bob", money=700)
    paid = (await bob.pay(alice, 400)).json()["id"]
    hold = (await authorise(alice, bob, 900)).json()["id"]
    refused = await give_back(alice, paid)
    assert (refused.status_code, refused.json()["code"]) == (402, "insufficient_funds")
    assert "$9.00 set aside" in refused.json()["detail"]
    assert await wallet(alice) == (0, 900, 0)
    assert (await capture(bob, hold, 850, final=True)).json()["hold"]["status"] == "settled"
    assert (await give_back(alice, paid)).status_code == 201
    assert (await wallet(alice), await wallet(bob)) == ((0, 0, 350), (700 - 400 + 850 + 400, 0, 0))
    assert await audit.findings(fresh) == []


async def test_more_than_is_left_is_refused_and_remembered(world: World) -> None:
    alice, bob, hold = await held(world, 1000, money=5000)
    await capture(bob, hold, 300)
    key = new_key()
    over = await capture(bob, hold, 701, key=key)
    assert (over.status_code, over.json()["code"], over.json()["left"]) == (402, "hold_exceeded", 700)
    assert (await capture(bob, hold, 701, key=key)).content == over.content
    assert (await wallet(alice), await wallet(bob)) == ((4000, 700, 0), (300, 0, 0))


async def test_a_capture_that_is_sent_again_is_answered_as_the_first_time_also_after_the_end(world: World) -> None:
    alice, bob, hold = await held(world, 1000)
    key = new_key()
    first = await capture(bob, hold, key=key)
    again = await capture(bob, hold, key=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await capture(bob, hold, 1, key=key)).json()["code"] == "idempotency_key_reused"
    assert (await wallet(alice), await wallet(bob)) == ((0, 0, 0), (1000, 0, 0))


async def test_the_key_of_a_capture_is_of_its_authorisation_too(world: World) -> None:
    alice, bob, hold = await held(world, 10, money=20)
    other = (await authorise(alice, bob, 10)).json()["id"]
    key = new_key()
    assert (await capture(bob, hold, key=key)).status_code == 201
    assert (await capture(bob, other, key=key)).json()["code"] == "idempotency_key_reused"


async def test_the_payee_gives_back_what_is_left_and_what_was_captured_stays(fresh: World) -> None:
    alice, bob, hold = await held(fresh, 1000)
    await capture(bob, hold, 300)
    ended = await void(bob, hold)
    assert (ended.status_code, ended.json()["status"], ended.json()["captured"]) == (200, "cancelled", 300)
    assert (await void(bob, hold)).content == ended.content
    assert (await wallet(alice), await wallet(bob)) == ((700, 0, 0), (300, 0, 0))
    refused = await capture(bob, hold, 1)
    assert (refused.status_code, refused.json()["code"], refused.json()["hold_status"]) == (
        409,
        "hold_ended",
        "cancelled",
    )
    assert await _told(fresh) == [("HoldPlaced", None), ("HoldCaptured", None), ("HoldEnded", "cancelled")]
    assert await audit.findings(fresh) == []


async def test_the_payer_can_neither_capture_nor_give_back(world: World) -> None:
    alice, bob, hold = await held(world, 1000)
    expires_at = (await alice.get(f"/holds/{hold}")).json()["expires_at"]
    for answer in (await void(alice, hold), await capture(alice, hold)):
        assert (answer.status_code, answer.json()["code"]) == (403, "hold_step_not_yours")
        assert expires_at in answer.json()["detail"]
        assert answer.json()["expires_at"] == expires_at
    assert (await wallet(alice), await wallet(bob)) == ((0, 1000, 0), (0, 0, 0))


async def test_what_was_captured_in_full_cannot_be_given_back(world: World) -> None:
    _, bob, hold = await held(world)
    await capture(bob, hold)
    answer = await void(bob, hold)
    assert (answer.status_code, answer.json()["code"], answer.json()["hold_status"]) == (409, "hold_ended", "settled")


async def test_others_see_and_touch_nothing(world: World) -> None:
    _, _, hold = await held(world)
    eve = await world.person("eve")
    answers = [await eve.get(f"/holds/{hold}"), await capture(eve, hold), await void(eve, hold)]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "hold_not_found")}
    assert (await eve.get("/holds")).json()["data"] == []
    for unknown in ("hold_" + "0" * 32, "hold_x", "tr_" + "0" * 32):
        assert (await eve.get(f"/holds/{unknown}")).json()["code"] == "hold_not_found"
        assert (await void(eve, unknown)).json()["code"] == "hold_not_found"


async def test_lists_by_direction(world: World) -> None:
    alice, bob = await world.person(money=100), await world.person(money=100)
    mine = [(await authorise(alice, bob, 10)).json()["id"] for _ in range(3)]
    theirs = (await authorise(bob, alice, 10)).json()["id"]

    async def listed(person: Person, **asked: object) -> list[str]:
        return [hold["id"] for hold in (await person.get("/holds", **asked)).json()["data"]]

    assert await listed(alice, direction="outgoing") == mine[::-1]
    assert await listed(alice, direction="incoming") == [theirs]
    assert await listed(alice) == await listed(bob, direction="all") == [theirs, *mine[::-1]]
    first = (await alice.get("/holds", limit=3)).json()
    assert first["has_more"]
    assert await listed(alice, limit=3, cursor=first["next_cursor"]) == mine[:1]
    assert (await alice.get("/holds", direction="sideways")).status_code == 422


async def test_a_capture_is_told_to_those_both_sides_let_see_it(world: World) -> None:
    alice, bob, hold = await held(world, 1000, audience="public")
    assert (await alice.get(f"/holds/{hold}")).json()["audience"] == "friends"
    assert (await capture(bob, hold, 100)).json()["transfer"]["audience"] == "friends"
    await bob.patch("/me", {"default_audience": "private"})
    later = (await capture(bob, hold, 100)).json()["transfer"]
    assert later["audience"] == "private"
    await world.drain()
    friend = await world.person("friend")
    await friend.befriend(alice)
    stories = (await friend.get("/feed")).json()["data"]
    assert [story["audience"] for story in stories] == ["friends"]


async def test_a_dry_run_tells_what_would_happen_and_keeps_nothing(world: World) -> None:
    alice, bob = await world.person("alice", money=1000), await world.person("bob")
    key = new_key()
    told = await authorise(alice, bob, 400, key=key, dry_run=True)
    assert (told.status_code, told.json()["answer"]["status"]) == (200, "held")
    assert told.json()["balances"]["after"] == {"available": 600, "on_hold": 400, "debt": 0}
    sent = next(one for one in told.json()["limits"] if one["limit"] == "sent")
    assert sent["left_before"] - sent["left_after"] == 400
    assert await wallet(alice) == (1000, 0, 0)
    hold = (await authorise(alice, bob, 400, key=key)).json()["id"]
    key = new_key()
    told = await capture(bob, hold, 100, key=key, dry_run=True)
    assert (told.status_code, told.json()["answer"]["hold"]["left"]) == (200, 300)
    assert told.json()["balances"]["after"]["available"] == 100
    assert (await capture(bob, hold, 500, dry_run=True)).json()["code"] == "hold_exceeded"
    assert await wallet(bob) == (0, 0, 0)
    assert (await capture(bob, hold, 100, key=key)).json()["hold"]["left"] == 300


@pytest.mark.parametrize("step", ["", "/hold_x/capture"])
async def test_money_needs_a_key(world: World, step: str) -> None:
    alice = await world.person()
    answer = await alice.post(f"/holds{step}", {})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")


async def test_refusals_that_happen_are_documented(world: World) -> None:
    alice, bob, hold = await held(world, 10)
    happened = {
        "/v1/holds": [
            await authorise(alice, bob, 10),
            await authorise(alice, alice, 10),
            await authorise(alice, bob, 10, payee={"username": "nobody_at_all"}),
        ],
        "/v1/holds/{hold_id}/capture": [
            await capture(bob, hold, 11),
            await capture(alice, hold),
            await capture(await world.person(), hold),
        ],
        "/v1/holds/{hold_id}/void": [await void(alice, hold), await void(await world.person(), hold)],
    }
    await capture(bob, hold)
    happened["/v1/holds/{hold_id}/capture"].append(await capture(bob, hold))
    happened["/v1/holds/{hold_id}/void"].append(await void(bob, hold))
    document = (await world.client.get("/openapi.json")).json()
    for path, answers in happened.items():
        told = document["paths"][path]["post"]["responses"]
        assert all(answer.status_code >= 400 for answer in answers)
        assert {str(answer.status_code) for answer in answers} <= set(told)


async def _told(world: World) -> list[tuple[str, str | None]]:
    await world.drain()
    query = "SELECT topic, payload ->> 'status' AS status FROM events WHERE topic LIKE 'Hold%' ORDER BY id"
    return [tuple(row) for row in await run(world, query)]
