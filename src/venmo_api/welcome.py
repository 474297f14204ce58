"""What a newcomer is given by `make run`: two people to play with, and where to go next."""

import json
import urllib.error
import urllib.request
from typing import Any

from venmo_api.core.money import dollars

PASSWORD = "correct horse battery"  # noqa: S105 - printed on purpose, for a stack on loopback
FIRST_MONEY_CENTS = 50_000
PEOPLE = (("alice", "Alice Ant"), ("bob", "Bob Bee"))

TEXT = """
The service is up.

  docs      {base}/docs
  people    alice and bob, password: {password}
            alice began with {money}

Sign in as alice, pay bob, look at the feed (paste all three):

  TOKEN=$(curl -s {base}/v1/auth/token -H 'Content-Type: application/json' -d '{sign_in}' | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  curl -s {base}/v1/transfers -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -H "Idempotency-Key: pizza-$(date +%s)" -d '{pay}'
  curl -s {base}/v1/feed -H "Authorization: Bearer $TOKEN"

Data and logs are in {folder}; Ctrl-C stops everything and keeps them.
`make verify{where}` proves the ledger. `make demo{where}` plays a town of 300 people.
"""  # noqa: E501 - lines to paste


def text(base: str, folder: str, where: str) -> str:
    """The message. ``where`` is what `make` must be told to find this stack."""
    sign_in = {"identifier": "alice", "password": PASSWORD}
    pay = {"recipient": {"username": "bob"}, "amount": 1250, "note": "pizza 🍕"}
    return TEXT.format(
        base=base,
        password=PASSWORD,
        money=dollars(FIRST_MONEY_CENTS),
        sign_in=json.dumps(sign_in),
        pay=json.dumps(pay, ensure_ascii=False),
        folder=folder,
        where=where,
    )


def ensure_people(base: str) -> None:
    """Alice and Bob, friends, Alice with money: over HTTP like anybody, and only the first time."""
    tokens = [_signed_in(base, *person) for person in PEOPLE]
    ids = [_call(base, "GET", "/me", token=token)["id"] for token in tokens]
    for token, other in zip(tokens, reversed(ids), strict=True):
        _call(base, "PUT", f"/friends/{other}", token=token)
    if not _call(base, "GET", "/wallet/funding-sources", token=tokens[0])["data"]:
        source = _call(base, "POST", "/wallet/funding-sources", {"token": "sandbox_bank_ok"}, token=tokens[0])
        body = {"funding_source_id": source["id"], "amount": FIRST_MONEY_CENTS}
        _call(base, "POST", "/wallet/top-ups", body, token=tokens[0], key="first-money")


def is_ready(base: str) -> bool:
    try:
        with urllib.request.urlopen(f"{base}/readyz", timeout=1) as answer:  # noqa: S310 - our own loopback address  # nosec B310
            return bool(answer.status == 200)
    except OSError:
        return False


def _signed_in(base: str, username: str, display_name: str) -> str:
    sign_up = {
        "username": username,
        "display_name": display_name,
        "email": f"{username}@example.com",
        "password": PASSWORD,
    }
    try:
        tokens = _call(base, "POST", "/auth/sign-up", sign_up)["tokens"]
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 409:
            raise
        tokens = _call(base, "POST", "/auth/token", {"identifier": username, "password": PASSWORD})
    return str(tokens["access_token"])


def _call(base: str, method: str, path: str, body: Any = None, *, token: str = "", key: str = "") -> Any:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}", "Idempotency-Key": key}
    request = urllib.request.Request(  # noqa: S310 - our own loopback address
        f"{base}/v1{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={name: value for name, value in headers.items() if value not in {"", "Bearer "}},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # nosec B310
        return json.load(answer)
