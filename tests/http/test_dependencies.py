"""What makes two requests under one key the same request, and what the kept hash of one tells."""

from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from venmo_api.adapters.signing import Signer, new_private_key
from venmo_api.http.dependencies import fingerprints
from venmo_api.transfers.schemas import PayBody
from venmo_api.users.rules import Audience

ASKED: dict[str, Any] = {"recipient": {"username": "bob"}, "amount": 1, "note": "x"}
ALICE, BOB, KEY = UUID(int=1), UUID(int=2), "the-only-key"
OLD, NEW = new_private_key(), new_private_key()


class Tomorrow(PayBody):
    """The body of a later version."""

    gift: bool = False


def signer(current: str, previous: str | None = None) -> Signer:
    return Signer(current, issuer="i", audience="a", previous_key_pem=previous)


SIGNER = signer(OLD)


def kept(body: PayBody, *, user_id: UUID = ALICE, key: str = KEY, thing: UUID | None = None) -> bytes:
    return fingerprints(SIGNER, user_id, key, body, thing=thing)[0]


def test_a_field_that_a_later_version_adds_keeps_old_keys() -> None:
    assert kept(PayBody(**ASKED)) == kept(Tomorrow(**ASKED))
    assert kept(Tomorrow(**ASKED)) != kept(Tomorrow(**ASKED, gift=True))


@pytest.mark.parametrize("same", [{"goods_and_services": False}, {"audience": None}, {"dry_run": True}], ids=str)
def test_a_field_left_out_and_its_default_are_the_same(same: dict[str, Any]) -> None:
    assert kept(PayBody(**ASKED)) == kept(PayBody(**ASKED, **same))


@pytest.mark.parametrize("other", [{"amount": 2}, {"goods_and_services": True}, {"audience": Audience.PUBLIC}], ids=str)
def test_what_says_something_else_is_another_request(other: dict[str, Any]) -> None:
    ours, theirs = (set(fingerprints(SIGNER, ALICE, KEY, PayBody(**said))) for said in (ASKED, ASKED | other))
    assert not ours & theirs


def test_the_same_body_for_another_thing_is_another_request() -> None:
    body = PayBody(**ASKED)
    ours, theirs, none = (
        set(fingerprints(SIGNER, ALICE, KEY, body, thing=thing)) for thing in (UUID(int=8), UUID(int=9), None)
    )
    assert not ours & theirs | ours & none


def test_who_has_the_table_cannot_find_a_number_by_trying_all() -> None:
    """Neither without the key, nor by paying each number from an account of their own and comparing."""
    body = PayBody(**ASKED | {"recipient": {"phone": "+14155550123"}})
    said = body.model_dump_json(exclude={"dry_run"}, exclude_defaults=True)
    assert kept(body) != sha256(said.encode()).digest()
    assert len({kept(body), kept(body, user_id=BOB), kept(body, key="another-key")}) == 3
    assert fingerprints(signer(NEW), ALICE, KEY, body)[0] != kept(body)


def test_what_was_kept_before_an_exchange_of_keys_is_known() -> None:
    body = PayBody(**ASKED)
    during = fingerprints(signer(NEW, OLD), ALICE, KEY, body)
    assert kept(body) in during
    assert during[0] == fingerprints(signer(NEW), ALICE, KEY, body)[0]
    said = body.model_dump_json(exclude={"dry_run"}, exclude_defaults=True)
    assert sha256(said.encode()).digest() not in during
