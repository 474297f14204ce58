"""What analysts see and decide of payments: queue, case, verdict, labels, snoozes, lists, decisions, candidates."""

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.admin.steps import employ
from tests.conftest import CAREFUL, Person, World, new_key
from tests.holds.steps import authorise, capture
from tests.risk.steps import Constant, wary
from tests.transfers.steps import new_email, pay_contact, run, wallet
from tests.transfers.test_reviews import MUCH, held, uuid_of
from venmo_api.adapters.postgres import Transaction
from venmo_api.admin import service
from venmo_api.admin.risk_schemas import SENTENCES
from venmo_api.admin.rules import Role
from venmo_api.archive import jobs as archive
from venmo_api.core.policy import Policy
from venmo_api.risk import decisions, jobs, shadows
from venmo_api.risk.rules import SNOOZABLE, Reason, Verdict


async def verdict(analyst: Person, paid: dict[str, Any], word: str) -> Any:
    return await analyst.post(f"/admin/risk/cases/{paid['id']}/verdict", {"verdict": word})


async def noted(world: World, analyst: Person) -> list[tuple[str, dict[str, Any]]]:
    """What this analyst did, newest first."""
    rows = await run(
        world,
        "SELECT act, details FROM audit_log WHERE actor_id = $1 ORDER BY id DESC",
        UUID(analyst.id.removeprefix("usr_")),
    )
    return [(row["act"], row["details"]) for row in rows if row["act"] not in ("sign_up", "refresh")]


def test_each_reason_is_a_sentence() -> None:
    assert set(SENTENCES) == set(Reason)


async def test_a_case_tells_why_and_what_both_sides_did(careful: World) -> None:
    analyst = await employ(careful, Role.ANALYST)
    alice, bob, paid = await held(careful, note="between us")
    await bob.top_up(500)
    await bob.pay(alice, 1_00)
    answer = await analyst.get(f"/admin/risk/cases/{paid['id']}")
    assert answer.status_code == 200, answer.text
    case = answer.json()
    assert (case["status"], case["expires_at"]) == ("held", paid["expires_at"])
    assert (case["sender"]["id"], case["recipient"]["id"]) == (alice.id, bob.id)
    assert case["reasons"] == [{"code": "velocity_hour", "sentence": SENTENCES[Reason.VELOCITY_HOUR]}]
    assert {one["name"]: one["value"] for one in case["features"]}["amount"] == MUCH
    assert case["decision"]["verdict"] == "review"
    assert case["decision"]["policy"] == CAREFUL.risk.version
    assert [one["id"] for one in case["recent_of_sender"]][-1] == paid["id"]
    assert [one["amount"] for one in case["recent_of_recipient"]] == [1_00, MUCH]
    assert case["model_reasons"] == case["labels"] == case["snoozes"] == []
    assert "between us" not in answer.text
    assert (await noted(careful, analyst))[0] == ("read_risk_case", f'{{"transfer": "{paid["id"]}"}}')
    nothing = f"/admin/risk/cases/tr_{'0' * 32}"
    assert (await analyst.get(nothing)).json()["code"] == "risk_case_not_found"
    assert (await analyst.post(nothing + "/verdict", {"verdict": "release"})).json()["code"] == "risk_case_not_found"


async def test_the_queue_has_what_waits_oldest_first(careful_fresh: World) -> None:
    world = careful_fresh
    analyst = await employ(world, Role.ANALYST)
    alice, bob, first = await held(world)
    stranger = (await pay_contact(alice, new_email(), 40_00)).json()
    small = (await world.person(money=100)).pay(bob, 50)
    assert (await small).json()["status"] == "settled"
    page = (await analyst.get("/admin/risk/queue", limit=1)).json()
    assert [(one["id"], one["amount"], one["reasons"]) for one in page["data"]] == [
        (first["id"], MUCH, ["velocity_hour"])
    ]
    rest = (await analyst.get("/admin/risk/queue", cursor=page["next_cursor"])).json()
    assert [(one["id"], one["recipient"]) for one in rest["data"]] == [(stranger["id"], None)]
    await verdict(analyst, first, "cancel")
    assert [one["id"] for one in (await analyst.get("/admin/risk/queue")).json()["data"]] == [stranger["id"]]
    world.clock.advance(timedelta(days=4))
    assert (await analyst.get("/admin/risk/queue")).json()["data"] == []


async def test_one_verdict_counts_and_becomes_a_label(careful: World) -> None:
    ann, ben = await employ(careful, Role.ANALYST), await employ(careful, Role.ANALYST)
    alice, bob, paid = await held(careful)
    ruling = await verdict(ann, paid, "release")
    assert ruling.status_code == 200, ruling.text
    assert (ruling.json()["status"], ruling.json()["maker"]) == ("settled", ann.id)
    assert (await verdict(ann, paid, "release")).json() == ruling.json()
    for analyst, word in ((ann, "cancel"), (ben, "release"), (ben, "cancel")):
        refused = await verdict(analyst, paid, word)
        assert (refused.status_code, refused.json()["code"]) == (409, "payment_not_held")
    assert (await wallet(alice), await wallet(bob)) == ((50_00, 0, 0), (MUCH, 0, 0))
    case = (await ben.get(f"/admin/risk/cases/{paid['id']}")).json()
    assert [(one["source"], one["fraud"], one["maker"]) for one in case["labels"]] == [("verdict", False, ann.id)]
    assert [act for act, _ in await noted(careful, ann)].count("decide_held_payment") == 1
    assert "decide_held_payment" not in [act for act, _ in await noted(careful, ben)]


async def test_of_analysts_who_decide_at_once_one_wins(careful: World) -> None:
    analysts = [await employ(careful, Role.ANALYST) for _ in range(3)]
    for _ in range(2):
        alice, bob, paid = await held(careful)
        words = ["release", "cancel", "release", "cancel", "release", "cancel"]
        said = await asyncio.gather(
            *(verdict(analysts[at % 3], paid, word) for at, word in enumerate(words)),
        )
        won = [answer.json() for answer in said if answer.status_code == 200]
        assert len(won) == 1
        assert {answer.status_code for answer in said} == {200, 409}
        settled = won[0]["status"] == "settled"
        assert await wallet(alice) == (200_00 - MUCH * settled, 0, 0)
        assert await wallet(bob) == (MUCH * settled, 0, 0)
        labels = await run(careful, "SELECT fraud FROM risk_labels WHERE tx_id = $1", uuid_of(paid["id"]))
        assert [row["fraud"] for row in labels] == [not settled]


async def test_nobody_decides_about_themselves(careful: World) -> None:
    alice, bob, paid = await held(careful)
    for someone in (alice, bob):
        await _hire(careful, someone)
        assert (await verdict(someone, paid, "release")).json()["code"] == "own_payment"
        label = {"source": "chargeback", "fraud": False}
        assert (await someone.post(f"/admin/risk/cases/{paid['id']}/labels", label)).status_code == 403
        assert (await someone.put(f"/admin/risk/snoozes/{someone.id}/velocity_hour", {"hours": 1})).status_code == 403
        listed = {"subject": {"user_id": someone.id}, "reason": "fraud"}
        assert (await someone.post("/admin/risk/blocklist", listed)).status_code == 403
        assert (await someone.get(f"/admin/risk/cases/{paid['id']}")).json()["code"] == "own_payment"
        assert (await someone.get("/admin/risk/decisions", subject=someone.id)).json()["code"] == "own_payment"
        other = alice if someone is bob else bob
        for place, asked in (("queue", {}), ("decisions", {}), ("decisions", {"verdict": "review"})):
            page = (await someone.get(f"/admin/risk/{place}", limit=100, **asked)).json()["data"]
            assert paid["id"] not in [one["id"] for one in page]
        assert (await someone.get("/admin/risk/decisions", subject=other.id)).json()["data"] == []
    assert (await alice.get(f"/transfers/{paid['id']}")).json()["status"] == "held"


async def _hire(world: World, someone: Person) -> None:
    await world.app.database.transact(service.grant, world.app, someone.username, Role.ANALYST)


async def test_what_banks_say_is_kept_beside_verdicts(careful: World) -> None:
    analyst = await employ(careful, Role.ANALYST)
    _, _, paid = await held(careful)
    await verdict(analyst, paid, "release")
    place = f"/admin/risk/cases/{paid['id']}/labels"
    for _ in range(2):
        known = (await analyst.post(place, {"source": "chargeback", "fraud": True})).json()["data"]
        assert [(one["source"], one["fraud"]) for one in known] == [("verdict", False), ("chargeback", True)]
    opposite = await analyst.post(place, {"source": "chargeback", "fraud": False})
    assert (opposite.status_code, opposite.json()["code"]) == (409, "label_exists")
    assert (await analyst.post(place, {"source": "verdict", "fraud": True})).status_code == 422
    assert [act for act, _ in await noted(careful, analyst)].count("label_payment") == 1
    with pytest.raises(Exception, match=r"append-only|permission denied"):
        await careful.app.database.transact(_relabel, uuid_of(paid["id"]))


async def test_what_a_bank_says_after_the_decision_was_archived_is_kept_too(fresh: World) -> None:
    alice, bob = await fresh.person("alice", money=50_00), await fresh.person("bob")
    paid = (await alice.pay(bob, 20_00)).json()["id"]
    refund = (await bob.post(f"/transfers/{paid}/refund", {}, key=new_key())).json()["id"]
    hold = (await authorise(alice, bob, 5_00)).json()["id"]
    part = (await capture(bob, hold)).json()["transfer"]["id"]
    await fresh.drain()
    fresh.clock.advance(timedelta(days=6))
    assert await archive.archive_closed(fresh.app, after_days=30, risk_after_days=4)
    analyst = await employ(fresh, Role.ANALYST)
    label = {"source": "chargeback", "fraud": True}
    assert await fresh.app.database.read(decisions.find, uuid_of(paid)) is None
    known = (await analyst.post(f"/admin/risk/cases/{paid}/labels", label)).json()["data"]
    assert [(one["source"], one["fraud"]) for one in known] == [("chargeback", True)]
    for unjudged in (refund, part):
        assert (await analyst.post(f"/admin/risk/cases/{unjudged}/labels", label)).status_code == 404


async def _relabel(tx: Transaction, tx_id: UUID) -> None:
    await tx.execute(text("UPDATE risk_labels SET fraud = false WHERE tx_id = :tx_id"), {"tx_id": tx_id})


async def test_a_snoozed_rule_does_not_speak_about_somebody_for_a_while(careful_fresh: World) -> None:
    world = careful_fresh
    analyst, bob = await employ(world, Role.ANALYST), await world.person()
    alice, carol = await world.person(money=900_00), await world.person(money=900_00)
    place = f"/admin/risk/snoozes/{alice.id}/velocity_hour"
    snoozed = await analyst.put(place, {"hours": 2})
    assert (snoozed.status_code, snoozed.json()["rule"], snoozed.json()["maker"]) == (
        200,
        "velocity_hour",
        analyst.id,
    )
    assert (await alice.pay(bob, MUCH)).json()["status"] == "settled"
    assert (await carol.pay(bob, MUCH)).json()["status"] == "held"
    assert (await analyst.delete(place)).status_code == 204
    assert (await analyst.delete(place)).status_code == 204
    assert (await alice.pay(bob, MUCH)).json()["status"] == "held"
    await analyst.put(place, {"hours": 1})
    world.clock.advance(timedelta(minutes=59))
    paid = (await alice.pay(bob, MUCH)).json()
    assert paid["status"] == "settled"
    case = (await analyst.get(f"/admin/risk/cases/{paid['id']}")).json()
    assert [one["rule"] for one in case["snoozes"]] == ["velocity_hour"]
    world.clock.advance(timedelta(minutes=2))
    assert (await alice.pay(bob, MUCH)).json()["status"] == "held"
    for rule in ("sender_blocked", "no_such_rule"):
        refused = await analyst.put(f"/admin/risk/snoozes/{alice.id}/{rule}", {"hours": 1})
        assert refused.json()["code"] == "rule_not_found"
    assert (await analyst.put(place, {"hours": 0})).status_code == 422
    assert (await analyst.put(f"/admin/risk/snoozes/usr_{'0' * 32}/velocity_day", {"hours": 1})).status_code == 404
    assert [act for act, _ in await noted(world, analyst)].count("wake_rule") == 1
    assert Reason.VELOCITY_HOUR in SNOOZABLE


async def test_who_is_listed_is_declined_from_the_next_payment_on(careful: World) -> None:
    analyst = await employ(careful, Role.ANALYST)
    alice, bob = await careful.person(money=100_00), await careful.person(money=100_00)
    body = {"subject": {"username": bob.username}, "reason": "mule"}
    entry = await analyst.post("/admin/risk/blocklist", body)
    assert (entry.status_code, entry.json()["user"]["id"], entry.json()["list"]) == (201, bob.id, "block")
    assert (await analyst.post("/admin/risk/blocklist", body)).json() == entry.json()
    for payer, payee in ((alice, bob), (bob, alice)):
        declined = await payer.pay(payee, 1_00)
        assert declined.json()["code"] == "payment_declined"
        assert "block" not in declined.text
    [newest] = (await analyst.get("/admin/risk/blocklist", limit=1)).json()["data"]
    assert newest == entry.json()
    denied = (await analyst.get("/admin/risk/decisions", subject=bob.id)).json()["data"]
    assert [one["reasons"] for one in denied] == [["sender_blocked"], ["recipient_blocked"]]
    assert (await analyst.get(f"/admin/risk/cases/{denied[0]['id']}")).json()["status"] is None
    place = f"/admin/risk/blocklist/{entry.json()['id']}"
    assert (await analyst.delete(place)).status_code == 204
    assert (await analyst.delete(place)).json()["code"] == "blocklist_entry_not_found"
    assert (await alice.pay(bob, 1_00)).json()["status"] == "settled"
    acts = [act for act, _ in await noted(careful, analyst)]
    assert (acts.count("add_to_blocklist"), acts.count("remove_from_blocklist")) == (1, 1)


async def test_decisions_are_listed_of_all_of_somebody_and_by_verdict(careful_fresh: World) -> None:
    world = careful_fresh
    analyst = await employ(world, Role.ANALYST)
    alice, bob, paid = await held(world)
    small = (await bob.pay(alice, 1)).json()
    assert small["code"] == "insufficient_funds"
    await alice.pay(bob, 1_00)
    page = (await analyst.get("/admin/risk/decisions", limit=1)).json()
    assert page["has_more"]
    rest = (await analyst.get("/admin/risk/decisions", cursor=page["next_cursor"])).json()["data"]
    assert {one["id"] for one in [*page["data"], *rest]} >= {paid["id"]}
    doubted = (await analyst.get("/admin/risk/decisions", verdict="review")).json()["data"]
    assert paid["id"] in [one["id"] for one in doubted]
    assert all(one["verdict"] == "review" for one in doubted)
    assert (await analyst.get("/admin/risk/decisions", verdict="deny")).json()["data"] == []
    of_bob = (await analyst.get("/admin/risk/decisions", subject=bob.id)).json()["data"]
    assert all(bob.id in (one["sender"], one["recipient"]) for one in of_bob)
    assert (await analyst.get("/admin/risk/decisions", subject=bob.id, verdict="deny")).status_code == 422
    assert (await analyst.get("/admin/risk/decisions", subject="usr_1")).status_code == 422


async def test_a_candidate_is_reported_on_and_decides_nothing(careful_fresh: World) -> None:
    world = careful_fresh
    app, analyst = world.app, await employ(world, Role.ANALYST)
    _, bob, paid = await held(world)
    honest = (await (await world.person(money=200_00)).pay(bob, 60_00)).json()
    assert honest["status"] == "settled"
    strict = {"velocity_hour_sum": 50_00}
    await app.database.transact(shadows.add, app, "strict", strict, back=timedelta(days=1))
    await app.database.transact(shadows.add, app, "mild", {"velocity_hour_sum": 999_00}, back=timedelta(days=1))
    assert await jobs.follow_shadows(app) == 0  # so young a decision may have neighbours that are not committed yet
    world.wall_clock.advance(timedelta(minutes=2))
    assert await jobs.follow_shadows(app) == 4
    assert await jobs.follow_shadows(app) == 0
    await verdict(analyst, paid, "cancel")
    await analyst.post(f"/admin/risk/cases/{honest['id']}/labels", {"source": "chargeback", "fraud": False})
    report = (await analyst.get("/admin/risk/shadows/strict")).json()
    assert (report["decisions"], report["amount"]) == (2, MUCH + 60_00)
    assert (report["changes"], report["changed_amount"], report["agrees"], report["disagrees"]) == (1, 60_00, 0, 1)
    [moved] = report["moved"]
    assert (moved["was"], moved["would"], moved["legitimate"], moved["fraud"]) == ("allow", "review", 1, 0)
    assert report["reasons"] == [{"code": "velocity_hour", "changes": 1, "amount": 60_00}]
    mild = (await analyst.get("/admin/risk/shadows/mild")).json()
    [moved] = mild["moved"]
    assert (moved["was"], moved["would"], moved["fraud"]) == ("review", "allow", 1)
    assert (mild["agrees"], mild["disagrees"]) == (0, 1)
    listed = (await analyst.get("/admin/risk/shadows")).json()["data"]
    assert [one["name"] for one in listed] == ["mild", "strict"]
    assert listed[1]["figures"]["velocity_hour_sum"] == 50_00
    await app.database.transact(shadows.remove, "mild")
    for name in ("mild", "No-Name", "x" * 41):
        assert (await analyst.get(f"/admin/risk/shadows/{name}")).json()["code"] == "shadow_not_found"


async def test_candidates_need_a_name_and_figures_there_are(careful_fresh: World) -> None:
    app, back = careful_fresh.app, timedelta()
    await app.database.transact(shadows.add, app, "one", {}, back=back)
    with pytest.raises(shadows.ShadowExists):
        await app.database.transact(shadows.add, app, "one", {}, back=back)
    with pytest.raises(shadows.ShadowNameInvalid):
        await app.database.transact(shadows.add, app, "No Name", {}, back=back)
    with pytest.raises(Exception, match="no_such_figure"):
        await app.database.transact(shadows.add, app, "two", {"no_such_figure": 1.0}, back=back)
    with pytest.raises(shadows.ShadowNotFound):
        await app.database.transact(shadows.remove, "two")


async def test_two_workers_run_a_candidate_over_each_decision_once(careful_fresh: World) -> None:
    app = careful_fresh.app
    alice, bob = await careful_fresh.person(money=500_00), await careful_fresh.person()
    for _ in range(30):
        await alice.pay(bob, 1_00)
    await app.database.transact(shadows.add, app, "one", {"velocity_hour_sum": 10_00}, back=timedelta(days=1))
    until = decisions.first_id(app.wall_clock.now() + timedelta(days=1))
    done = await asyncio.gather(*(app.database.transact(shadows.follow, "one", until=until) for _ in range(4)))
    assert sum(done) == 30
    found = await app.database.read(shadows.report, "one")
    assert (found.shadow.seen, found.changes) == (30, 21)


async def test_every_decision_comes_out_the_same_again_and_one_that_was_altered_does_not(
    careful_fresh: World,
) -> None:
    world = careful_fresh
    alice, bob, paid = await held(world)
    for amount in (1_00, 2_00, 3_00):
        await alice.pay(bob, amount)
    taken = [one async for one in decisions.replay(world.app, UUID(int=0))]
    assert [(one.decisions, one.different) for one in taken] == [(4, ())]
    await run(world, "ALTER TABLE risk_decisions DISABLE TRIGGER ALL")
    await run(world, "UPDATE risk_decisions SET verdict = 'allow' WHERE tx_id = $1", uuid_of(paid["id"]))
    taken = [one async for one in decisions.replay(world.app, UUID(int=0))]
    assert [one.different for one in taken] == [(uuid_of(paid["id"]),)]
    await run(world, "UPDATE risk_decisions SET policy = 'unknown' WHERE sender_id = $1", UUID(alice.id[4:]))
    [taken_again] = [one async for one in decisions.replay(world.app, UUID(int=0))]
    assert len(taken_again.different) == 4


async def test_a_verdict_without_a_label_would_not_be_told_the_same_again(
    careful: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect: a verdict that leaves no label is not known to be this analyst's."""

    async def forgotten(*_: Any) -> bool:
        return True

    monkeypatch.setattr("venmo_api.risk.labels.note", forgotten)
    analyst = await employ(careful, Role.ANALYST)
    _, _, paid = await held(careful)
    assert (await verdict(analyst, paid, "cancel")).status_code == 200
    assert (await verdict(analyst, paid, "cancel")).status_code == 409


async def test_a_score_that_cannot_be_explained_leaves_the_case_readable(settings: Any) -> None:
    policy = Policy(score_review=0.5)
    async with wary(settings, scorer=Constant(0.9), policy=policy) as world:
        analyst, alice = await employ(world, Role.ANALYST), await world.person(money=10_00)
        paid = (await alice.pay(await world.person(), 1_00)).json()
        case = (await analyst.get(f"/admin/risk/cases/{paid['id']}")).json()
        assert (case["status"], case["decision"]["score"], case["model_reasons"]) == ("held", 0.9, [])
        assert [one["code"] for one in case["reasons"]] == ["score_high"]


def test_verdicts_rank() -> None:
    moved = shadows.Moved(Verdict.ALLOW, Verdict.DENY, 1, 1, 1, 0)
    assert moved.is_stricter
    assert not dataclasses.replace(moved, was=Verdict.DENY, would=Verdict.REVIEW).is_stricter
