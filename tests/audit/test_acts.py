"""Which acts are noted: over HTTP, with whom, how they ended, and never what anybody typed."""

from typing import Any

from sqlalchemy import text

from tests.conftest import PASSWORD, Person, World
from venmo_api.adapters.postgres import Transaction
from venmo_api.audit import service as audit
from venmo_api.core import ids
from venmo_api.core.paging import PageRequest


async def acts(world: World, someone: Person) -> list[tuple[str, str]]:
    """What was done to somebody: act and result, oldest first."""
    subject = ids.decode(ids.USER, someone.id)
    page = await world.app.database.read(audit.entries, PageRequest(limit=100), subject=subject)
    return [(entry.act, entry.result) for entry in reversed(page.rows)]


async def sign_in(world: World, name: str, password: str = PASSWORD) -> Any:
    return await world.client.post("/v1/auth/token", json={"identifier": name, "password": password})


async def test_coming_and_going(world: World) -> None:
    ann = await world.person()
    assert (await sign_in(world, ann.username, "wrong horse battery")).status_code == 401
    elsewhere = (await sign_in(world, ann.email)).json()
    again = {"refresh_token": elsewhere["refresh_token"]}
    assert (await world.client.post("/v1/auth/refresh", json=again)).status_code == 200
    assert (await world.client.post("/v1/auth/refresh", json=again)).status_code == 401
    await ann.delete("/auth/sessions")
    await ann.post("/auth/logout")
    assert await acts(world, ann) == [
        ("sign_up", "ok"),
        ("sign_in", "wrong"),
        ("sign_in", "ok"),
        ("refresh", "reused"),
        ("revoke_session", "ok"),
        ("sign_out", "ok"),
    ]


async def test_who_is_locked_out(world: World) -> None:
    ann = await world.person()
    answers = [(await sign_in(world, ann.username, f"wrong horse {number}")).status_code for number in range(12)]
    assert answers[-1] == 429
    results = [result for act, result in await acts(world, ann) if act == "sign_in"]
    assert results == ["wrong" if status == 401 else "locked" for status in answers]


async def test_contacts_and_passwords(world: World) -> None:
    ann = await world.person()
    code = await ann.code("email")
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    assert (await ann.post("/me/contacts/email/verify", {"code": wrong})).status_code == 403
    assert (await ann.post("/me/contacts/email/verify", {"code": code})).status_code == 200
    assert (await ann.post("/me/contacts", {"kind": "phone", "address": "+14155550177"})).status_code in (200, 202)
    assert (await ann.delete("/me/contacts/phone")).status_code in (200, 204)
    new = "another horse entirely"
    assert (await ann.post("/me/password", {"current_password": "x" * 12, "new_password": new})).status_code == 403
    assert (await ann.post("/me/password", {"current_password": PASSWORD, "new_password": new})).status_code in (
        200,
        204,
    )
    assert await acts(world, ann) == [
        ("sign_up", "ok"),
        ("verify_contact", "wrong"),
        ("verify_contact", "ok"),
        ("change_contact", "ok"),
        ("change_contact", "ok"),
        ("change_password", "wrong"),
        ("change_password", "ok"),
    ]


async def test_factors_and_step_up(world: World) -> None:
    ann = await world.person()
    await ann.verify("email")
    assert (await ann.post("/auth/step-up", {"password": "x" * 12})).status_code == 403
    assert (await ann.post("/auth/step-up", {"password": PASSWORD})).status_code == 200
    assert (await ann.post("/auth/factors/codes", {"channel": "email"})).status_code == 201
    stranger = await sign_in(world, ann.username)
    assert stranger.json()["code"] == "second_factor_required"
    assert (await acts(world, ann))[2:] == [
        ("step_up", "wrong"),
        ("step_up", "ok"),
        ("add_factor", "ok"),
        ("sign_in", "factor_asked"),
    ]


async def test_who_drives_the_clock_is_noted(fresh: World) -> None:
    ann = await fresh.person()
    assert (await ann.post("/sandbox/clock", {"advance_seconds": 60})).status_code == 200
    actor = ids.decode(ids.USER, ann.id)
    newest = (await fresh.app.database.read(audit.entries, PageRequest(), actor=actor)).rows[0]
    assert (newest.act, newest.details) == ("drive_clock", {"ahead_seconds": 60})


async def test_nothing_that_anybody_typed_is_in_the_trail(fresh: World) -> None:
    async def dump(tx: Transaction) -> str:
        return "\n".join((await tx.execute(text("SELECT l::text FROM audit_log l"))).scalars())

    ann = await fresh.person("annabel", phone="+14155550178", display_name="Annabel Ant")
    await sign_in(fresh, "annabel@example.com", "wrong horse battery")
    await sign_in(fresh, ann.email, "wrong horse battery")
    await ann.verify("email")
    told = await fresh.app.database.read(dump)
    assert "sign_in" in told
    for typed in ("annabel", "Annabel", "@", "4155550178", "horse", ann.tokens["refresh_token"], "127.0.0.1"):
        assert typed not in told, typed


async def test_of_each_act_is_told_where_it_came_from(world: World) -> None:
    ann = await world.person()
    wrong = {"current_password": "x" * 12, "new_password": "another horse entirely"}
    answers = [
        await ann.post("/me/contacts/email/verify", {"code": f"{(int(await ann.code()) + 1) % 10**6:06d}"}),
        await ann.post("/me/contacts/email/verify", {"code": await ann.code()}),
        await ann.post("/me/contacts", {"kind": "phone", "address": "+14155550178"}),
        await ann.delete("/me/contacts/phone"),
        await ann.post("/wallet/funding-sources", {"token": "sandbox_bank_ok"}),
        await ann.post("/me/identity", {"token": "sandbox_identity_ok"}),
        await ann.patch("/me", {"display_name": "Ann"}),
        await ann.post("/me/password", wrong),
        await ann.post("/me/password", wrong | {"current_password": PASSWORD}),
    ]
    assert [answer.status_code for answer in answers] == [403, 200, 202, 204, 201, 200, 200, 403, 204]
    subject = ids.decode(ids.USER, ann.id)
    page = await world.app.database.read(audit.entries, PageRequest(limit=100), subject=subject)
    assert [(entry.act, entry.result) for entry in reversed(page.rows)] == [
        ("sign_up", "ok"),
        ("verify_contact", "wrong"),
        ("verify_contact", "ok"),
        ("change_contact", "ok"),
        ("change_contact", "ok"),
        ("add_funding_source", "ok"),
        ("verify_identity", "ok"),
        ("change_profile", "ok"),
        ("change_password", "wrong"),
        ("change_password", "ok"),
    ]
    assert {entry.network for entry in page.rows} == {"127.0.0.0/24"}
    assert {entry.agent for entry in page.rows} == {"Python"}
