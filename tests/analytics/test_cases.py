"""Alerts are kept once and merged into cases; who proposes how one ends is never who approves it."""

import asyncio
import dataclasses
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from tests.admin.steps import employ
from tests.analytics.steps import (
    NOON,
    analysts,
    case_about,
    case_id_about,
    finding,
    proposed,
    raised,
    user_id,
)
from tests.conftest import Person, World
from venmo_api.admin.rules import Role
from venmo_api.analytics.rules import Finding, Raised, rings

LATER = NOON + timedelta(days=1)


async def judged(world: World, someone: Person, case_id: str, judgement: str) -> int:
    answer = await someone.post(f"/admin/cases/{case_id}/judgement", {"judgement": judgement})
    return answer.status_code


async def test_what_is_found_again_adds_nothing_and_what_is_found_otherwise_does(world: World) -> None:
    ann = uuid4()
    first = finding(ann)
    assert await raised(world, first, first) == Raised(alerts=1, opened=1)
    assert await raised(world, first) == Raised(known=1)
    changed: list[Finding] = [
        dataclasses.replace(first, version=2),
        dataclasses.replace(first, parameters={"recipients": 21, "hours": 24}),
        dataclasses.replace(first, detector="velocity_burst"),
        dataclasses.replace(first, start_us=first.start_us + 1),
        dataclasses.replace(first, subject_kind="device"),
    ]
    assert await raised(world, *changed) == Raised(alerts=5)
    found = await case_about(world, (await analysts(world))[0], ann)
    assert (found["alerts"], found["payments"], found["amount"]) == (6, 2, 1_800_00)
    assert found["typologies"] == ["fan_out", "velocity_burst"]


async def test_a_run_at_the_same_time_as_another_adds_nothing_twice(world: World) -> None:
    accounts = [uuid4() for _ in range(6)]
    found = [finding(account) for account in accounts]
    runs = await asyncio.gather(*(raised(world, *found) for _ in range(4)))
    assert sum(runs, Raised()) == Raised(alerts=6, known=18, opened=6)


async def test_a_ring_is_one_case_also_when_it_is_found_bit_by_bit(world: World) -> None:
    analyst, _ = await analysts(world)
    ann, ben, cat, dan = (uuid4() for _ in range(4))
    assert await raised(world, finding(ann, ben), finding(cat, dan)) == Raised(alerts=2, opened=2)
    assert await case_id_about(world, ann) == await case_id_about(world, ben) != await case_id_about(world, cat)
    kept, joined = await case_id_about(world, ann), await case_id_about(world, cat)
    assert await raised(world, finding(ben, cat, at=LATER)) == Raised(alerts=1, merged=1)
    whole = await case_about(world, analyst, dan)
    assert whole["id"] == kept == min(kept, joined)
    assert (whole["alerts"], whole["payments"], len(whole["subjects"])) == (3, 6, 4)
    assert [step["step"] for step in whole["steps"]] == ["open", "join", "alert"]
    gone = (await analyst.get(f"/admin/cases/{joined}")).json()
    assert (gone["state"], gone["disposition"], gone["merged_into"], gone["alerts"]) == ("closed", "merge", kept, 0)
    assert await judged(world, analyst, joined, "approve") == 409


def test_rings_are_those_who_have_somebody_in_common() -> None:
    ann, ben, cat, dan, eve = (uuid4() for _ in range(5))
    found = [finding(ann, ben), finding(cat), finding(dan, cat), finding(ben, eve), finding(eve, ann)]
    assert rings(found) == [[found[0], found[3], found[4]], [found[1], found[2]]]
    assert rings([]) == []


async def test_a_case_ends_by_two_people(world: World) -> None:
    maker, checker = await analysts(world)
    ann = await world.person("ann")
    await raised(world, finding(user_id(ann)))
    case_id = await case_id_about(world, user_id(ann))
    assert await judged(world, checker, case_id, "approve") == 409
    await proposed(world, maker, user_id(ann))
    again = await maker.post(f"/admin/cases/{case_id}/proposal", {"disposition": "dismiss", "narrative": "Oh."})
    assert (again.status_code, again.json()["code"]) == (409, "case_proposed")
    own = await maker.post(f"/admin/cases/{case_id}/judgement", {"judgement": "approve"})
    assert (own.status_code, own.json()["code"]) == (403, "own_proposal")
    assert await judged(world, checker, case_id, "return") == 200
    await proposed(world, maker, user_id(ann))
    assert await judged(world, maker, case_id, "return") == 200
    await proposed(world, maker, user_id(ann))
    ended = (await checker.post(f"/admin/cases/{case_id}/judgement", {"judgement": "approve"})).json()
    assert (ended["state"], ended["disposition"]) == ("closed", "report")
    kept = datetime.fromisoformat(ended["kept_until"]) - datetime.fromisoformat(ended["closed_at"])
    assert kept == timedelta(days=5 * 365)
    steps = [(step["step"], step["actor_id"]) for step in ended["steps"]]
    assert steps == [
        ("open", None),
        ("propose", maker.id),
        ("return", checker.id),
        ("propose", maker.id),
        ("withdraw", maker.id),
        ("propose", maker.id),
        ("approve", checker.id),
    ]
    body = {"disposition": "dismiss", "narrative": "No."}
    late = await maker.post(f"/admin/cases/{case_id}/proposal", body)
    assert (late.status_code, late.json()["code"]) == (409, "case_closed")
    assert await judged(world, checker, case_id, "return") == 409
    listed = (await maker.get("/admin/cases", closed="true", limit=1)).json()["data"]
    assert [case["state"] for case in listed] == ["closed"]
    await raised(world, finding(user_id(ann), at=LATER))
    assert await case_id_about(world, user_id(ann)) != case_id


async def test_of_two_who_judge_at_once_one_does(world: World) -> None:
    maker, checker = await analysts(world)
    third = await employ(world, Role.ANALYST)
    ann = uuid4()
    await raised(world, finding(ann))
    case_id = await proposed(world, maker, ann)
    answers = await asyncio.gather(*(judged(world, one, case_id, "approve") for one in (checker, third, checker)))
    assert sorted(answers) == [200, 409, 409]


async def test_a_proposal_does_not_outlive_new_alerts(world: World) -> None:
    maker, checker = await analysts(world)
    ann = uuid4()
    known = finding(ann)
    await raised(world, known)
    case_id = await proposed(world, maker, ann, "dismiss")
    await raised(world, known)
    assert (await checker.get(f"/admin/cases/{case_id}")).json()["state"] == "proposed"
    await raised(world, finding(ann, at=LATER))
    assert (await checker.get(f"/admin/cases/{case_id}")).json()["state"] == "open"
    assert await judged(world, checker, case_id, "approve") == 409


async def test_a_report_is_due_within_thirty_days_from_two_thousand_dollars_on(world: World) -> None:
    analyst, _ = await analysts(world)
    ann, ben = uuid4(), uuid4()
    await raised(world, finding(ann, amounts=[999_99, 1_000_00]), finding(ben, amounts=[1_000_00, 1_000_00]))
    assert (await case_about(world, analyst, ann))["due_at"] is None
    due = await case_about(world, analyst, ben)
    after = datetime.fromisoformat(due["due_at"]) - datetime.fromisoformat(due["opened_at"])
    assert after == timedelta(days=30)
    # More of it makes the smaller one due, too, and moves no day that was said.
    await raised(world, finding(ann, at=LATER, amounts=[1]), finding(ben, at=LATER, amounts=[1_000_00]))
    assert (await case_about(world, analyst, ann))["due_at"] is not None
    assert (await case_about(world, analyst, ben))["due_at"] == due["due_at"]


async def test_for_everybody_but_analysts_there_is_no_case(world: World) -> None:
    analyst, _ = await analysts(world)
    ann = await world.person("ann")
    await raised(world, finding(user_id(ann)))
    case_id = await case_id_about(world, user_id(ann))
    others = [ann, await employ(world, Role.SUPPORT), await employ(world, Role.ADMIN)]
    for someone in others:
        for path in ("/admin/cases", f"/admin/cases/{case_id}"):
            answer, nowhere = await someone.get(path), await someone.get("/admin/nowhere")
            strip = [{**each.json(), "request_id": ""} for each in (answer, nowhere)]
            assert (answer.status_code, strip[0]) == (404, strip[1])
    assert (await analyst.get(f"/admin/cases/{case_id}")).status_code == 200
    seen = [each["act"] for each in (await analyst.get("/admin/audit", actor=analyst.id)).json()["data"]]
    assert "read_case" in seen
    admin = others[-1]
    told = (await admin.get("/admin/audit", actor=analyst.id)).json()["data"]
    assert "read_case" not in {entry["act"] for entry in told}
    about = (await analyst.get("/admin/audit", subject=ann.id)).json()["data"]
    assert "read_case" not in {entry["act"] for entry in about}


async def test_what_is_no_case_is_not_found(world: World) -> None:
    analyst, _ = await analysts(world)
    for name in ("case_" + UUID(int=1).hex, "case_1", "usr_" + UUID(int=1).hex):
        assert (await analyst.get(f"/admin/cases/{name}")).json()["code"] == "case_not_found"
        assert await judged(world, analyst, name, "approve") == 404
    for body in ({"disposition": "merge", "narrative": "x"}, {"disposition": "report", "narrative": ""}):
        answer = await analyst.post(f"/admin/cases/case_{UUID(int=1).hex}/proposal", body)
        assert answer.status_code == 422


async def test_an_analyst_learns_nothing_of_a_case_about_themselves(world: World) -> None:
    subject, other = await analysts(world)
    await raised(world, finding(user_id(subject)))
    case_id = await proposed(world, other, user_id(subject), "dismiss")
    assert case_id in await listed(other)
    assert case_id not in await listed(subject)
    assert (await subject.get(f"/admin/cases/{case_id}")).json()["code"] == "case_not_found"
    assert await judged(world, subject, case_id, "approve") == 404
    body = {"disposition": "dismiss", "narrative": "It was nothing at all, believe me."}
    assert (await subject.post(f"/admin/cases/{case_id}/proposal", body)).status_code == 404
    third = await employ(world, Role.ANALYST)
    assert await judged(world, third, case_id, "approve") == 200
    assert case_id not in await listed(subject, closed=True)
    assert case_id in await listed(third, closed=True)


async def listed(analyst: Person, *, closed: bool = False) -> list[str]:
    """The ids of all cases there are for them."""
    found: list[str] = []
    asked: dict[str, object] = {"closed": closed, "limit": 100}
    while True:
        page = (await analyst.get("/admin/cases", **asked)).json()
        found += [case["id"] for case in page["data"]]
        if not page["has_more"]:
            return found
        asked["cursor"] = page["next_cursor"]
