"""The town moves in: sign-up, who may see what, friendships by mutual consent, a bank account and a first top-up."""

import asyncio

from demo.api import Api, expect, remember_tokens
from demo.outcome import DoesNotAddUp
from demo.people import Person, Town
from demo.stage import Stages

CROSSED_EVERY = 20
"""One friendship in so many begins with both asking at the same moment."""


async def move_in(api: Api, stages: Stages, town: Town) -> None:
    """Everybody is signed up, befriended and has money. Raises DoesNotAddUp when an answer is not what it must be."""

    async def sign_up(person: Person) -> None:
        await _sign_up(api, person, password=f"town-of-{town.run}")

    async def befriend(numbered: tuple[int, tuple[Person, Person]]) -> None:
        number, (one, other) = numbered
        await _befriend(api, one, other, crossed=number % CROSSED_EVERY == 0)

    async def top_up(person: Person) -> None:
        await _top_up(api, person, run=town.run)

    async def verify(person: Person) -> None:
        await _verify(api, person)

    await stages.each("people sign up", town.people, sign_up)
    await stages.each("friends find each other", list(enumerate(town.friendships)), befriend)
    await stages.each("wallets are filled", town.people, top_up)
    await stages.each("identities are verified", [one for one in town.people if one.verified], verify)


async def _sign_up(api: Api, person: Person, *, password: str) -> None:
    body = {
        "username": person.username,
        "display_name": person.display_name,
        "email": person.email,
        "password": password,
    } | ({"phone": person.phone} if person.phone else {})
    document = expect(await api.post(None, "/v1/auth/sign-up", body), 201, f"the sign-up of {person.username}")
    user = document["user"]
    if (user["username"], user["display_name"]) != (person.username, person.display_name):
        raise DoesNotAddUp(f"{person.username} signed up and was named {user}.")
    person.id = user["id"]
    remember_tokens(person, document["tokens"])
    if person.default_audience != "friends":
        answer = await api.patch(person, "/v1/me", {"default_audience": person.default_audience})
        chosen = expect(answer, 200, f"the default audience of {person.username}")["default_audience"]
        if chosen != person.default_audience:
            raise DoesNotAddUp(f"{person.username} chose {person.default_audience} and got {chosen}.")


async def _verify(api: Api, person: Person) -> None:
    answer = await api.post(person, "/v1/me/identity", {"token": "sandbox_identity_ok"})
    if expect(answer, 200, f"the identity of {person.username}").get("identity_verified") is not True:
        raise DoesNotAddUp(f"{person.username} proved who they are and was told {answer.text[:200]}.")


async def _befriend(api: Api, one: Person, other: Person, *, crossed: bool) -> None:
    if crossed:
        states = await asyncio.gather(_ask(api, one, other), _ask(api, other, one))
    else:
        states = (await _ask(api, one, other), await _ask(api, other, one))
    if "accepted" not in (states if crossed else states[1:]):
        how = "at once" if crossed else "one after the other"
        raise DoesNotAddUp(f"{one.username} and {other.username} asked each other {how} and were told {states}.")


async def _ask(api: Api, one: Person, other: Person) -> str:
    answer = await api.put(one, f"/v1/friends/{other.id}")
    return str(expect(answer, 200, f"{one.username} asking {other.username}")["state"])


async def _top_up(api: Api, person: Person, *, run: str) -> None:
    bank = {"type": "bank", "token": "sandbox_bank_ok"}
    source = expect(await api.post(person, "/v1/wallet/funding-sources", bank), 201, f"{person.username}'s bank")
    body = {"funding_source_id": source["id"], "amount": person.top_up, "currency": "USD"}
    answer = await api.post(person, "/v1/wallet/top-ups", body, key=f"demo-{run}-top-up-{person.number}")
    done = expect(answer, 201, f"the top-up of {person.username}")
    if (done["status"], done["amount"]) != ("settled", person.top_up):
        raise DoesNotAddUp(f"{person.username} topped up {person.top_up} and was told {done}.")
