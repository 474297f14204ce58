"""How an earlier answer under a key binds a later request. Pure."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from venmo_api.core.errors import Kind
from venmo_api.idempotency.rules import Claim, IdempotencyKeyReused, Known, OperationInFlight, Reply, is_key, judge

AT = datetime(2026, 11, 20, tzinfo=UTC)
CLAIM = Claim(UUID(int=1), "pay", "some-key", (b"what was asked",), AT)


def test_a_new_key_may_go_on() -> None:
    assert judge(CLAIM, None) is None


@pytest.mark.parametrize("status", [201, 402])
def test_the_same_request_is_answered_as_the_first_time_and_says_so(status: int) -> None:
    reply = Reply(status, b"bytes")
    assert judge(CLAIM, Known(CLAIM.fingerprint, reply)) == Reply(status, b"bytes", replayed=True)
    assert not reply.replayed


def test_another_body_is_refused_whether_the_first_has_ended_or_not() -> None:
    for reply in (None, Reply(201, b"bytes"), Reply(402, b"bytes")):
        refusal = judge(CLAIM, Known(b"something else", reply))
        assert isinstance(refusal, IdempotencyKeyReused)
        assert (refusal.kind, refusal.code) == (Kind.INVALID, "idempotency_key_reused")
        assert refusal.detail == (
            "This Idempotency-Key was sent before with a different body; use a new key for a new payment."
        )


def test_an_operation_in_flight_is_a_conflict_to_wait_for() -> None:
    refusal = judge(CLAIM, Known(CLAIM.fingerprint, None))
    assert isinstance(refusal, OperationInFlight)
    assert (refusal.kind, refusal.code, refusal.retry_after_seconds) == (Kind.CONFLICT, "operation_in_flight", 1)
    assert refusal.detail == "Wait and send the same request again; it will be answered with the first one's result."


def test_the_scope_of_a_key_is_user_and_route_and_key() -> None:
    assert CLAIM.scope == (UUID(int=1), "pay", "some-key")


def test_a_key_is_8_to_255_characters() -> None:
    assert [is_key("k" * length) for length in (0, 7, 8, 255, 256)] == [False, False, True, True, False]


def test_a_key_is_of_visible_ascii() -> None:
    visible = [chr(code) for code in range(0x250) if is_key("1234567" + chr(code))]
    assert visible == [chr(code) for code in range(0x21, 0x7F)]


def test_an_answer_is_sealed_that_holds_a_seal_where_an_address_stood() -> None:
    assert Reply(201, b'{"contact":{"value":"sealed:AAAA"}}').is_sealed
    assert not Reply(201, rb'{"note":"\"value\":\"sealed:AAAA"}').is_sealed
