"""What makes two requests under one key the same request."""

from typing import Any

import pytest

from venmo_api.http.dependencies import fingerprint
from venmo_api.transfers.schemas import PayBody
from venmo_api.users.rules import Audience

ASKED: dict[str, Any] = {"recipient": {"username": "bob"}, "amount": 1, "note": "x"}


class Tomorrow(PayBody):
    """The body of a later version."""

    gift: bool = False


def test_a_field_that_a_later_version_adds_keeps_old_keys() -> None:
    assert fingerprint(PayBody(**ASKED)) == fingerprint(Tomorrow(**ASKED))
    assert fingerprint(Tomorrow(**ASKED)) != fingerprint(Tomorrow(**ASKED, gift=True))


@pytest.mark.parametrize("same", [{"goods_and_services": False}, {"audience": None}, {"dry_run": True}], ids=str)
def test_a_field_left_out_and_its_default_are_the_same(same: dict[str, Any]) -> None:
    assert fingerprint(PayBody(**ASKED)) == fingerprint(PayBody(**ASKED, **same))


@pytest.mark.parametrize("other", [{"amount": 2}, {"goods_and_services": True}, {"audience": Audience.PUBLIC}], ids=str)
def test_what_says_something_else_is_another_request(other: dict[str, Any]) -> None:
    assert fingerprint(PayBody(**ASKED)) != fingerprint(PayBody(**ASKED | other))
