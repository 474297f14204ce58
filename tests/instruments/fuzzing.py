"""A running API with two people who do not know each other, and schemathesis, which knows only the document."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import httpx2

from tests.conftest import ROOT, Person, new_key, sign_up
from venmo_api.local.ports import free_port

HERE = ROOT / "tests/instruments"
BIN = Path(sys.executable).parent
PASSWORD = "long enough a password"
STAFF = "staff"
PROTECTS = "addCodes"
"""Who has a factor is asked for it by all that is sensitive: were it alice, no fuzzer would get any further there."""
# The figures it ships with, except the quotas: a fuzzer asks more in a minute than a person in a day.
CLASSES = ("SIGN_IN", "ANONYMOUS", "LOOK_UPS", "CONTACTS", "COMMENTS", "REPORTS")
QUOTAS = {f"VENMO_FIGURES__QUOTA_{name}": "1000000000" for name in CLASSES}
SETTINGS = QUOTAS | {"VENMO_ENVIRONMENT": "test", "VENMO_LOG_LEVEL": "ERROR"}


@asynccontextmanager
async def serving(folder: Path, **settings: str) -> AsyncIterator[str]:
    """The URL of an API of its own, stopped afterwards; it writes what it has to say into ``folder``."""
    port = free_port(avoid=set())
    url = f"http://127.0.0.1:{port}"
    with (folder / "api.log").open("wb") as log:
        words = [BIN / "venmo-api", "serve", "--port", str(port)]
        environment = os.environ | SETTINGS | settings
        child = subprocess.Popen(words, env=environment, stdout=log, stderr=log)  # noqa: ASYNC220 - once, at the start
    try:
        await _ready(url)
        yield url
    finally:
        child.terminate()
        child.wait(30)


async def people(url: str, folder: Path) -> Path:
    """Two strangers with a little of everything, and those the examples of the document name. Returns who they are,
    as schemathesis wants to know it."""
    async with httpx2.AsyncClient(base_url=url, timeout=20) as client:
        identities = []
        for name, phone in (("alice", "+14155550123"), ("mallory", "+14155550124")):
            friend = await sign_up(client, password=PASSWORD)
            person = await sign_up(client, username=name, phone=phone, password=PASSWORD)
            await _live(person, friend)
            identities.append(_identity(person))
        for name in ("bob", "carol"):
            await sign_up(client, username=name, password=PASSWORD)
        staff = await sign_up(client, username=STAFF, password=PASSWORD)
        await staff.verify("email")
        identities.append(_identity(staff))
    told = folder / "identities.json"
    told.write_text(json.dumps({"auth": identities}))
    return told


def fuzz(
    url: str, *, identities: Path, user: str, seed: int, phases: str, examples: int, folder: Path
) -> tuple[bool, str]:
    """Whether all checks held for this user, and what schemathesis said. ``staff`` asks what only the staff may."""
    words = [
        BIN / "schemathesis",
        "--config-file",
        HERE / "schemathesis.toml",
        "--no-color",
        "run",
        f"{url}/openapi.json",
    ]
    words += ["--seed", str(seed), "--max-examples", str(examples), "--phases", phases, "--auth-wfc-user", user]
    whose = "include" if user == STAFF else "exclude"
    words += [f"--{whose}-tag", "admin", f"--{whose}-operation-id", PROTECTS]
    environment = os.environ | {"FUZZ_IDENTITIES": str(identities), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(words, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def employ(**settings: str) -> None:
    """Make ``staff`` one of the staff, who may do everything there."""
    words = [BIN / "venmo-api", "staff", "grant", STAFF, "admin"]
    subprocess.run(words, env=os.environ | SETTINGS | settings, check=True, capture_output=True)


async def _live(person: Person, friend: Person) -> None:
    """Something in every list, for a stranger to ask for."""
    await person.verify("email")
    await person.verify("phone")
    await person.post("/me/identity", {"token": "sandbox_identity_ok"})
    await person.top_up(900_000)
    await person.befriend(friend)
    await friend.top_up(1_000)
    await friend.pay(person, 500)
    to_friend = {"user_id": friend.id}
    hold = await friend.post(
        "/holds", {"payee": {"user_id": person.id}, "amount": 100, "note": "deposit"}, key=new_key()
    )
    made = [
        await person.pay(friend, 1250),
        await person.post("/requests", {"payer": to_friend, "amount": 300, "note": "tickets"}, key=new_key()),
        await person.post("/holds", {"payee": to_friend, "amount": 400, "note": "deposit"}, key=new_key()),
        hold,
    ]
    assert all(answer.status_code == 201 for answer in made), [answer.text for answer in made]


def _identity(person: Person) -> dict[str, object]:
    known = {name: person.tokens[name] for name in ("device_token",) if name in person.tokens}
    return {
        "name": person.username,
        "loginEndpointAuth": {
            "endpoint": "/v1/auth/token",
            "verb": "POST",
            "contentType": "application/json",
            "payloadRaw": json.dumps({"identifier": person.username, "password": PASSWORD} | known),
            "token": {
                "extractFrom": "body",
                "extractSelector": "/access_token",
                "sendIn": "header",
                "sendName": "Authorization",
                "sendTemplate": "Bearer {token}",
            },
        },
    }


async def _ready(url: str) -> None:
    async with httpx2.AsyncClient() as client:
        with anyio.fail_after(30):
            while True:
                with suppress(httpx2.TransportError):
                    if (await client.get(url + "/readyz")).status_code == 200:
                        return
                await anyio.sleep(0.05)
