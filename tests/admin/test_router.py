"""What staff see and end: by role, with a reason, and noted before it is answered."""

import asyncio
import os
import sys
from typing import Any

import httpx2
import pytest

from tests.admin.steps import employ
from tests.conftest import Person, World
from venmo_api.admin import service
from venmo_api.admin.rules import Reason, Role, masked_email, masked_phone

WHY = Reason.SUPPORT_REQUEST


async def noted(world: World, **asked: Any) -> list[dict[str, Any]]:
    """The audit trail as an analyst reads it, newest first; without the readings."""
    analyst = await employ(world, Role.ANALYST)
    answer = await analyst.get("/admin/audit", limit=100, **asked)
    assert answer.status_code == 200, answer.text
    return [entry for entry in answer.json()["data"] if entry["act"] not in ("read_audit", "grant_role", "sign_up")]


def paths(user_id: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    return {
        "search": ("GET", "/v1/admin/users", {"params": {"query": "p"}}),
        "person": ("GET", f"/v1/admin/users/{user_id}", {"params": {"reason": WHY}}),
        "transfers": ("GET", f"/v1/admin/users/{user_id}/transfers", {}),
        "sessions": ("GET", f"/v1/admin/users/{user_id}/sessions", {}),
        "revoke": ("POST", f"/v1/admin/users/{user_id}/sessions/revoke", {"json": {"reason": WHY}}),
        "audit": ("GET", "/v1/admin/audit", {}),
    }


MAY = {
    "search": {Role.SUPPORT, Role.ADMIN},
    "person": {Role.SUPPORT, Role.ADMIN},
    "transfers": {Role.SUPPORT, Role.ADMIN},
    "sessions": {Role.SUPPORT, Role.ADMIN},
    "revoke": {Role.SUPPORT, Role.ADMIN},
    "audit": {Role.ANALYST, Role.ADMIN},
}


async def ask(someone: Person, what: str, user_id: str) -> httpx2.Response:
    method, path, more = paths(user_id)[what]
    return await someone.client.request(method, path, headers=someone.headers, **more)


@pytest.mark.parametrize("what", MAY)
async def test_each_role_has_its_own_and_for_everybody_else_there_is_nothing(world: World, what: str) -> None:
    ann, ben = await world.person(), await world.person()
    for role in Role:
        answer = await ask(await employ(world, role), what, ann.id)
        assert answer.status_code == (200 if role in MAY[what] else 404), (role, answer.text)
    for someone, whom in ((ben, ann), (ben, ben)):
        answer = await ask(someone, what, whom.id)
        nowhere = await someone.get("/admin/nowhere")
        strip = [{**each.json(), "request_id": ""} for each in (answer, nowhere)]
        assert (answer.status_code, strip[0]) == (404, strip[1])
    method, path, more = paths(ann.id)[what]
    assert (await world.client.request(method, path, **more)).status_code == 401


async def test_a_role_that_is_taken_away_is_gone_with_the_next_request(world: World) -> None:
    ann, support = await world.person(), await employ(world, Role.SUPPORT)
    assert (await ask(support, "sessions", ann.id)).status_code == 200
    await world.app.database.transact(service.revoke, world.app, support.username, Role.SUPPORT)
    assert (await ask(support, "sessions", ann.id)).status_code == 404


async def test_support_sees_contacts_masked_and_an_admin_whole(world: World) -> None:
    ann = await world.person("ann", phone="+14155550123")
    masked = (await ask(await employ(world, Role.SUPPORT), "person", ann.id)).json()
    assert (masked["masked"], masked["email"], masked["phone"]) == (True, "a***@e***.com", "+1***23")
    assert ann.email not in str(masked)
    whole = (await ask(await employ(world, Role.SUPPORT, Role.ADMIN), "person", ann.id)).json()
    assert (whole["masked"], whole["email"], whole["phone"]) == (False, ann.email, "+14155550123")


def test_a_mask_keeps_little() -> None:
    assert masked_email("x@y.co") == "x***@y***.co"
    assert masked_email("josé.long@mail.example.co.uk") == "j***@m***.uk"
    assert masked_phone("+442079460123") == "+4***23"


async def test_a_person_is_looked_at_for_a_reason_only(world: World) -> None:
    ann, admin = await world.person(), await employ(world, Role.ADMIN)
    for params in ({}, {"reason": "curiosity"}, {"reason": ""}):
        assert (await admin.get(f"/admin/users/{ann.id}", **params)).status_code == 422
    assert (await admin.post(f"/admin/users/{ann.id}/sessions/revoke", {})).status_code == 422
    assert [entry["act"] for entry in await noted(world, subject=ann.id)] == []


async def test_notes_of_private_transfers_are_shown_for_a_reason_only(world: World) -> None:
    ann, ben = await world.person(money=1000), await world.person()
    await ann.pay(ben, 5, note="secret", audience="private")
    await ann.pay(ben, 6, note="pizza", audience="friends")
    support = await employ(world, Role.SUPPORT)
    rows = (await support.get(f"/admin/users/{ben.id}/transfers")).json()["data"]
    assert [(row["amount"], row["note"], row["audience"]) for row in rows] == [
        (6, "pizza", "friends"),
        (5, None, "private"),
    ]
    page = (await support.get(f"/admin/users/{ben.id}/transfers", reason=WHY, limit=1)).json()
    assert page["has_more"]
    rest = await support.get(f"/admin/users/{ben.id}/transfers", reason=WHY, cursor=page["next_cursor"])
    assert [row["note"] for row in rest.json()["data"]] == ["secret"]
    assert [entry["details"] for entry in await noted(world, subject=ben.id)] == [{"reason": WHY}, {"reason": WHY}, {}]


async def test_staff_end_every_session_of_somebody_at_once(world: World) -> None:
    ann, support = await world.person(), await employ(world, Role.SUPPORT)
    sessions = (await ask(support, "sessions", ann.id)).json()["data"]
    assert len(sessions) == 1
    assert sessions[0]["id"].startswith("ses_")
    assert (await ask(support, "revoke", ann.id)).json() == {"revoked": 1}
    assert (await ann.get("/me")).status_code == 401
    refreshed = await world.client.post("/v1/auth/refresh", json={"refresh_token": ann.tokens["refresh_token"]})
    assert refreshed.status_code == 401
    assert (await support.get("/me")).status_code == 200
    assert (await ask(support, "revoke", ann.id)).json() == {"revoked": 0}
    (again, first, looked) = await noted(world, subject=ann.id)
    assert (again["details"], first["details"]) == ({"reason": WHY, "sessions": 0}, {"reason": WHY, "sessions": 1})
    assert (first["act"], first["actor"], looked["act"]) == ("revoke_session", support.id, "read_sessions")


async def test_every_look_is_noted_and_so_is_the_look_at_the_notes(world: World) -> None:
    ann, support = await world.person(), await employ(world, Role.SUPPORT)
    for what in ("search", "person", "transfers", "sessions"):
        assert (await ask(support, what, ann.id)).status_code == 200
    entries = await noted(world, actor=support.id)
    assert [entry["act"] for entry in entries] == ["read_sessions", "read_transfers", "read_person", "search_people"]
    assert [entry["subject"] for entry in entries] == [ann.id, ann.id, ann.id, None]
    assert entries[2]["details"] == {"reason": WHY, "role": "support"}
    analyst = await employ(world, Role.ANALYST)
    for _ in range(2):
        answer = await analyst.get("/admin/audit", actor=analyst.id)
    assert [entry["act"] for entry in answer.json()["data"]] == ["read_audit", "sign_up"]


async def test_what_cannot_be_noted_is_not_answered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, admin = await world.person(), await employ(world, Role.ADMIN)

    async def refuse(*arguments: Any, **more: Any) -> None:
        raise LookupError

    monkeypatch.setattr(service.audit, "note", refuse)
    for what in MAY:
        answer = await ask(admin, what, ann.id)
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error"), what
    assert (await ann.get("/me")).status_code == 200


@pytest.mark.parametrize("what", ["person", "transfers", "sessions", "revoke"])
async def test_nobody_is_nobody(world: World, what: str) -> None:
    admin = await employ(world, Role.ADMIN)
    for user_id in ("usr_" + "0" * 32, "usr_1", "tr_" + "0" * 32, "%00"):
        assert (await ask(admin, what, user_id)).status_code == 404


@pytest.mark.parametrize("asked", [{"subject": "alice"}, {"actor": "tr_" + "0" * 32}, {"cursor": "x"}, {"sort": "at"}])
async def test_a_question_about_the_trail_that_makes_no_sense_is_refused(world: World, asked: dict[str, str]) -> None:
    analyst = await employ(world, Role.ANALYST)
    assert (await analyst.get("/admin/audit", **asked)).status_code == 422


async def test_the_trail_is_read_page_by_page_while_it_grows(world: World) -> None:
    ann, support, analyst = await world.person(), await employ(world, Role.SUPPORT), await employ(world, Role.ANALYST)
    for _ in range(5):
        await ask(support, "sessions", ann.id)
    found, cursor = [], None
    while cursor is not None or not found:
        page = (
            await analyst.get("/admin/audit", actor=support.id, limit=2, **({"cursor": cursor} if cursor else {}))
        ).json()
        found += [entry["id"] for entry in page["data"]]
        cursor = page["next_cursor"]
        await ask(support, "sessions", ann.id)
    assert len(found) == len(set(found)) == 6  # the looks, and the sign-up
    assert found == sorted(found, reverse=True)


async def test_in_production_staff_need_a_second_factor(world: World) -> None:
    ann, support = await world.person(), await employ(world, Role.SUPPORT)
    world.api.state.staff_need_factor = True
    refused = await ask(support, "sessions", ann.id)
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_needed")
    assert (await ask(ann, "sessions", ann.id)).status_code == 404


async def test_staff_are_made_by_the_operator_and_the_trail_is_proved_from_the_command_line(fresh: World) -> None:
    ann = await fresh.person()

    async def run(*words: str) -> tuple[int, str]:
        database = fresh.app.database.engine.url.render_as_string(hide_password=False)
        environment = os.environ | {
            "VENMO_DATABASE_URL": database,
            "VENMO_S3_BUCKET": fresh.app.objects.bucket,
            "VENMO_ENVIRONMENT": "test",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "venmo_api",
            *words,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await process.communicate()
        return process.returncode or 0, told.decode()

    assert await run("staff", "grant", ann.username.upper(), "analyst") == (0, f"{ann.username.upper()} is analyst\n")
    code, told = await run("staff", "list")
    assert (code, told.startswith(f"{ann.username} analyst since ")) == (0, True)
    (entry, *_) = [one for one in (await ann.get("/admin/audit")).json()["data"] if one["act"] == "grant_role"]
    assert (entry["actor"], entry["subject"], entry["details"]) == (None, ann.id, {"role": "analyst"})
    assert (await run("staff", "revoke", ann.username, "analyst"))[0] == 0
    assert (await ann.get("/admin/audit")).status_code == 404
    assert (await run("staff", "grant", "nobody-at-all", "admin"))[0] == 1
    code, told = await run("audit", "verify")
    assert (code, told.splitlines()[-1]) == (0, "PASSED")
    code, told = await run("audit", "verify", "--head", "7:" + "00" * 32)
    assert (code, told.splitlines()[-1]) == (1, "BROKEN: the chain is cut: it ends at place 0, and went to 7")
    assert (await run("audit", "verify", "--head", "x"))[0] == 2


async def test_who_asks_as_staff_and_is_none_is_noted(world: World) -> None:
    ann, analyst = await world.person(), await employ(world, Role.ANALYST)
    assert (await ask(ann, "search", ann.id)).status_code == 404
    assert (await ask(analyst, "sessions", ann.id)).status_code == 404
    for person, operation in ((ann, "findPeople"), (analyst, "listSessionsOf")):
        entry, *_ = await noted(world, actor=person.id)
        assert (entry["act"], entry["result"]) == ("ask_as_staff", "refused")
        assert entry["details"] == {"operation": operation}
        assert entry["network"]
