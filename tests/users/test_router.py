"""Sign-up, profiles and search, as a client sees them."""

import asyncio
from typing import Any

import httpx2
import pytest

from tests.conftest import PASSWORD, World, new_name
from tests.feed.oracle import moment

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
PUBLIC = {"id", "username", "display_name", "avatar_url"}


async def try_sign_up(world: World, **fields: Any) -> httpx2.Response:
    name = new_name()
    body = {"username": name, "display_name": "Somebody", "email": f"{name}@example.com", "password": PASSWORD}
    wanted = {key: value for key, value in (body | fields).items() if value is not ...}
    return await world.client.post("/v1/auth/sign-up", json=wanted)


def pointers(answer: httpx2.Response) -> set[str]:
    return {error["pointer"] for error in answer.json().get("errors", [])}


async def test_a_new_person_is_signed_in_and_shown_as_others_see_them(world: World) -> None:
    name = new_name("New").upper()
    answer = await try_sign_up(world, username=name, display_name="  Zoë 🦊 O'Neil ")
    assert answer.status_code == 201
    user = answer.json()["user"]
    assert set(user) == PUBLIC
    assert (user["username"], user["display_name"]) == (name.lower(), "Zoë 🦊 O'Neil")
    tokens = {"access_token", "token_type", "expires_in", "refresh_token", "device_token"}
    assert set(answer.json()["tokens"]) == tokens


@pytest.mark.parametrize(
    "username",
    [
        "",
        "ab",
        "a" * 31,
        "with space",
        "dot.ted",
        "é" * 4,
        "a\u0000bc",
        "abc\n",
        " abc",
        "a/b",
        "\u212aelvin",
        "ａｂｃ",
        "🍕🍕🍕",
    ],
)
async def test_a_username_is_3_to_30_of_few_characters(world: World, username: str) -> None:
    answer = await try_sign_up(world, username=username)
    assert (answer.status_code, pointers(answer)) == (422, {"/username"})


@pytest.mark.parametrize("length", [3, 30])
async def test_the_bounds_of_a_username_are_within(world: World, length: int) -> None:
    username = (new_name("").replace("_", "-") + "_" * 30)[-length:] if length == 3 else new_name("b").ljust(30, "-")
    username = new_name("x").encode().hex()[-3:] if length == 3 else username
    answer = await try_sign_up(world, username=username)
    assert answer.status_code in (201, 409)
    assert len(username) == length


@pytest.mark.parametrize(
    "name", ["", "   ", "a" * 61, "a\nb", "a\u0000b", "tab\tbed", "\u2028", "\ue000", *(f"a{mark}b" for mark in BIDI)]
)
async def test_a_display_name_holds_no_control_and_no_direction_characters(world: World, name: str) -> None:
    answer = await try_sign_up(world, display_name=name)
    assert (answer.status_code, pointers(answer)) == (422, {"/display_name"})
    alice = await world.person()
    assert (await alice.patch("/me", {"display_name": name})).status_code == 422


@pytest.mark.parametrize("name", ["李小龍", "ﷲ محمد", "👩‍👩‍👧‍👦", "Ñandú", "O'Brien-Smith", "a" * 60])
async def test_names_of_people_in_every_script_are_welcome(world: World, name: str) -> None:
    answer = await try_sign_up(world, display_name=name)
    assert (answer.status_code, answer.json()["user"]["display_name"]) == (201, name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("email", "a@b"),
        ("email", "a@@example.com"),
        ("email", ""),
        ("email", None),
        ("email", "x" * 250 + "@example.com"),
        ("email", "a\u0000@example.com"),
        ("email", "a b@example.com"),
        ("phone", "0123456789"),
        ("phone", "+1"),
        ("phone", "phone"),
        ("phone", "+1415555012345678901234567890123"),
        ("phone", ""),
        ("phone", 14155550123),
        ("password", "short77"),
        ("password", ""),
        ("password", "x" * 257),
        ("password", None),
        ("password", 12345678),
        ("username", None),
        ("username", ["abc"]),
        ("display_name", {}),
        ("is_admin", True),
        ("id", "usr_1"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_kept(world: World, field: str, value: object) -> None:
    username = new_name()
    answer = await try_sign_up(world, **{"username": username, field: value})
    assert (answer.status_code, pointers(answer)) == (422, {f"/{field}"})
    if field != "username":
        assert (await try_sign_up(world, username=username)).status_code == 201


@pytest.mark.parametrize("field", ["username", "display_name", "email", "password"])
async def test_what_is_needed_and_missing_is_named(world: World, field: str) -> None:
    answer = await try_sign_up(world, **{field: ...})
    assert (answer.status_code, pointers(answer)) == (422, {f"/{field}"})


async def test_an_answer_never_echoes_the_password(world: World) -> None:
    secret = "hunter2"
    answer = await try_sign_up(world, password=secret)
    assert answer.status_code == 422
    assert secret not in answer.text


async def test_what_somebody_has_already_is_named(world: World) -> None:
    alice = await world.person()
    answer = await try_sign_up(world, username=alice.username.upper())
    told = (answer.status_code, answer.json()["code"], pointers(answer))
    assert told == (409, "identifier_taken", {"/username"})


async def test_of_parallel_sign_ups_of_one_name_one_succeeds(world: World) -> None:
    name = new_name()
    answers = await asyncio.gather(*(try_sign_up(world, username=name) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 11
    assert all(pointers(answer) == {"/username"} for answer in answers if answer.status_code == 409)


async def test_an_address_anybody_may_claim_until_one_has_proved_it(world: World) -> None:
    email = f"{new_name()}@example.com"
    answers = await asyncio.gather(*(try_sign_up(world, email=email) for _ in range(6)))
    assert [answer.status_code for answer in answers] == [201] * 6


async def test_one_reads_and_changes_ones_own_profile(world: World) -> None:
    alice = await world.person(phone="+1 415 555 1002", email=f"{new_name('Al')}@Example.COM")
    profile = (await alice.get("/me")).json()
    verified = {"email_verified", "phone_verified", "identity_verified"}
    contacts = {"email", "phone", "claimed_email", "claimed_phone"}
    settings = {"default_audience": "friends", "friend_list": "private", "findable": False}
    assert set(profile) == PUBLIC | verified | contacts | set(settings) | {"created_at"}
    assert not any(profile[name] for name in verified)
    assert {name: profile[name] for name in settings} == settings
    assert (profile["phone"], profile["default_audience"]) == ("+14155551002", "friends")
    assert profile["email"] == profile["email"].lower()
    assert abs((moment(profile["created_at"]) - world.clock.now()).total_seconds()) < 60
    wishes = {"display_name": "Alice II", "default_audience": "public", "friend_list": "friends", "findable": True}
    for wish in wishes.items():  # one by one: the others stay
        changed = await alice.patch("/me", dict([wish]))
        assert changed.status_code == 200
    assert changed.json() == profile | wishes
    assert (await alice.patch("/me", {})).json() == changed.json()
    assert (await alice.get("/me")).json() == changed.json()


@pytest.mark.parametrize(
    "body",
    [
        {"default_audience": "all"},
        {"friend_list": "all"},
        {"findable": "yes"},
        {"username": "other_name"},
        {"email": "a@b.de"},
        {"x": 1},
    ],
)
async def test_what_may_not_be_changed_is_refused(world: World, body: dict[str, object]) -> None:
    alice = await world.person()
    before = (await alice.get("/me")).json()
    assert (await alice.patch("/me", body)).status_code == 422
    assert (await alice.get("/me")).json() == before


async def test_others_see_a_card_and_nothing_else(world: World) -> None:
    alice = await world.person(phone="+14155551003")
    bob = await world.person()
    await alice.befriend(bob)
    answers = [
        await bob.get(f"/users/{alice.id}"),
        await bob.get("/users", query=alice.username),
        await bob.get("/friends"),
        await bob.put(f"/friends/{alice.id}"),
    ]
    for answer in answers:
        assert answer.status_code == 200
        assert alice.email not in answer.text
        assert "4155551003" not in answer.text
    assert set(answers[0].json()) == PUBLIC
    assert all(set(card) == PUBLIC for answer in answers[1:3] for card in answer.json()["data"])
    assert (await bob.get("/users", query=alice.email)).json()["data"] == []


@pytest.mark.parametrize("user_id", ["me", "usr_", "usr_" + "0" * 32, "usr_" + "Z" * 32, "tr_" + "0" * 32, "🍕"])
@pytest.mark.parametrize("verb", ["get", "put", "delete"])
async def test_an_unknown_person_is_not_found(world: World, user_id: str, verb: str) -> None:
    alice = await world.person()
    answer = await getattr(alice, verb)(f"/users/{user_id}" if verb == "get" else f"/friends/{user_id}")
    if verb == "delete" and answer.status_code == 204:
        assert user_id == "usr_" + "0" * 32, "to end what is not there is no error, for what could be an id"
        return
    assert answer.headers.get("content-type") == "application/problem+json", answer.status_code
    assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")


async def test_an_id_has_one_spelling(world: World) -> None:
    alice = await world.person()
    digits = alice.id.removeprefix("usr_")
    assert digits[0] == "0"
    for other in (digits.upper(), digits[1:5] + "_" + digits[5:], "+" + digits[1:], digits + " ", f"{{{digits}}}"):
        if other != digits:
            assert (await alice.get(f"/users/usr_{other}")).status_code == 404, other


async def found(world: World, query: str) -> list[str]:
    alice = await world.person()
    names: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await alice.get("/users", query=query, limit=2, **cursor)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        names += [card["username"] for card in page["data"]]
        assert page["has_more"] is (page["next_cursor"] is not None)
        if not page["has_more"]:
            return names
        cursor = {"cursor": page["next_cursor"]}


async def test_search_finds_by_the_beginning_of_either_name_page_by_page(fresh: World) -> None:
    for username, name in (("zed_1", "Anna"), ("zed_2", "Bernd"), ("zed-3", "anne"), ("anna", "Zed"), ("bezed", "Xed")):
        await fresh.person(username=username, display_name=name)
    assert sorted(await found(fresh, "zed")) == ["anna", "zed-3", "zed_1", "zed_2"]
    assert sorted(await found(fresh, "ZED")) == ["anna", "zed-3", "zed_1", "zed_2"]
    assert sorted(await found(fresh, "ann")) == ["anna", "zed-3", "zed_1"]
    assert await found(fresh, "ed") == []


async def test_wildcards_of_the_database_are_only_characters(fresh: World) -> None:
    for username, name in (("a_b", "50% off"), ("axb", "500 off"), ("ccc", "back\\slash"), ("ddd", "_under")):
        await fresh.person(username=username, display_name=name)
    assert await found(fresh, "a_") == ["a_b"]
    assert await found(fresh, "50%") == ["a_b"]
    assert await found(fresh, "%") == []
    assert await found(fresh, "_") == ["ddd"]
    assert await found(fresh, "back\\") == ["ccc"]
    assert await found(fresh, "\\") == []


@pytest.mark.parametrize(
    ("name", "query"), [("Émile Zola", "émi"), ("Émile Zola", "ÉMI"), ("ŞAHİN", "şah"), ("Жанна", "жан")]
)
async def test_names_with_accents_are_found_in_any_case(fresh: World, name: str, query: str) -> None:
    await fresh.person(username="wanted", display_name=name)
    assert await found(fresh, query) == ["wanted"]


@pytest.mark.parametrize("query", ["\u0000", "a\u0000b", "'", '"', "\ufffd", "\\", "🍕", "a" * 60])
async def test_a_hostile_query_finds_nobody_or_is_refused(world: World, query: str) -> None:
    alice = await world.person()
    assert (await alice.get("/users", query=query)).status_code in (200, 422)


@pytest.mark.parametrize("query", [{}, {"query": ""}, {"query": "a" * 61}, {"query": "a", "limit": 0}])
async def test_a_search_that_cannot_be_right_is_refused(world: World, query: dict[str, object]) -> None:
    alice = await world.person()
    assert (await alice.get("/users", **query)).status_code == 422


@pytest.mark.parametrize("path", ["/me", "/users?query=a", "/users/usr_" + "0" * 32, "/friends"])
async def test_people_are_shown_to_those_who_signed_in(world: World, path: str) -> None:
    assert (await world.client.get("/v1" + path)).status_code == 401


async def test_a_change_that_changes_nothing_is_no_event(fresh: World) -> None:
    someone = await fresh.person("alice", display_name="Alice")
    await fresh.drain()
    for body in ({}, {"display_name": "Alice"}, {"default_audience": "friends"}):
        assert (await someone.patch("/me", body)).status_code == 200
    assert await fresh.drain() == 0
    await someone.patch("/me", {"display_name": "Alice B"})
    assert await fresh.drain() == 1
