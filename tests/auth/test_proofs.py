"""What of factors is pure: how fresh a proof is, how many guesses are left, what people are told."""

from datetime import UTC, datetime, timedelta

import pytest

from venmo_api.auth.proofs import (
    ApprovalRequired,
    FactorKind,
    ProofWrong,
    SecondFactorRequired,
    StepUpRequired,
    factor_notice,
    guesses_left,
    is_fresh,
)

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "fresh"), [(0, True), (600, True), (601, False), (-5, True)])
def test_a_proof_is_fresh_for_ten_minutes(seconds: int, fresh: bool) -> None:
    assert is_fresh(NOW - timedelta(seconds=seconds), now=NOW) is fresh


@pytest.mark.parametrize(("wrong", "left"), [(0, 5), (1, 4), (4, 1), (5, 0), (9, 0)])
def test_five_guesses(wrong: int, left: int) -> None:
    assert guesses_left(wrong) == left


def test_refusals_tell_what_is_asked_and_how() -> None:
    ways = [FactorKind.TOTP, FactorKind.RECOVERY]
    first = SecondFactorRequired("ch_x", ways)
    assert first.extra == {"challenge_token": "ch_x", "factors": ["totp", "recovery"], "expires_in": 600}
    assert "totp, recovery" in first.detail
    assert "ch_x" not in first.detail
    assert StepUpRequired(ways).extra == {"max_age": 600, "factors": ["totp", "recovery"]}
    assert "your password" in StepUpRequired([]).detail
    large = ApprovalRequired(ways, recipient_id="usr_1", amount=7)
    assert (large.code, large.extra["approves"]) == ("step_up_required", {"recipient_id": "usr_1", "amount": 7})
    assert ProofWrong().extra == {}
    assert ProofWrong(0).extra == {"attempts_left": 0}


def test_notices_tell_what_was_done_and_what_to_do() -> None:
    assert "(passkey) was removed" in factor_notice(FactorKind.PASSKEY, "removed")
    assert factor_notice(FactorKind.RECOVERY, "added").startswith("New recovery codes were made")
    assert all("change your password" in factor_notice(kind, "added") for kind in FactorKind)
