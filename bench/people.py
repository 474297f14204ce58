"""People to measure with: signed up over HTTP, verified, with money, each a friend of the next ten."""

import json
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

COUNT = 200
FRIENDS = 10
MONEY_CENTS = 10_000_00


def sign_up(base: str, file: Path) -> None:
    """Write "token id" lines of COUNT new people to ``file``."""
    with ThreadPoolExecutor(8) as pool:
        people = list(pool.map(lambda number: person(base, f"bench{number:04d}"), range(COUNT)))
        pairs = [(one, (one + step) % COUNT) for one in range(COUNT) for step in range(1, FRIENDS + 1)]
        list(pool.map(lambda pair: befriend(base, people[pair[0]], people[pair[1]]), pairs))
    write(file, people)


def write(file: Path, people: Sequence[tuple[str, str]]) -> None:
    file.write_text("".join(f"{token} {user_id}\n" for token, user_id in people))


def person(base: str, username: str) -> tuple[str, str]:
    """Somebody new, verified and with money: their token and id."""
    body = {
        "username": username,
        "display_name": username.title(),
        "email": f"{username}@example.com",
        "password": "correct horse battery",
    }
    answer = _call(base, "POST", "/auth/sign-up", body)
    token = answer["tokens"]["access_token"]
    _call(base, "POST", "/me/identity", {"token": "sandbox_identity_ok"}, token=token)
    source = _call(base, "POST", "/wallet/funding-sources", {"token": "sandbox_bank_ok"}, token=token)
    top_up = {"funding_source_id": source["id"], "amount": MONEY_CENTS}
    _call(base, "POST", "/wallet/top-ups", top_up, token=token, key="bench-money")
    return token, answer["user"]["id"]


def befriend(base: str, one: tuple[str, str], other: tuple[str, str]) -> None:
    _call(base, "PUT", f"/friends/{other[1]}", token=one[0])
    _call(base, "PUT", f"/friends/{one[1]}", token=other[0])


def _call(base: str, method: str, path: str, body: Any = None, *, token: str = "", key: str = "") -> Any:
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if key:
        headers["Idempotency-Key"] = key
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{base}/v1{path}", method=method, data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:  # nosec B310 - our own service
        return json.load(answer)
