"""The decision: each rule at its edge, the severest wins, and nothing but its facts matters. Pure."""

from dataclasses import replace
from typing import Any

import pytest

from venmo_api.core.policy import Policy
from venmo_api.risk.features import INDEX, NAMES
from venmo_api.risk.rules import (
    ALLOWED,
    LISTED,
    SNOOZABLE,
    Decision,
    DecisionKind,
    Facts,
    Reason,
    UnknownFigure,
    Verdict,
    policy_of,
    screen,
)

P = Policy()
CASH_OUT = DecisionKind.CASH_OUT


def facts(
    amount: int, *, kind: DecisionKind = DecisionKind.PAYMENT, more: dict[str, Any] | None = None, **seen: int
) -> Facts:
    features = [0] * len(NAMES)
    for name, value in seen.items():
        features[INDEX[name]] = value
    return Facts(kind, amount, features, **(more or {}))


FED = {
    "sender_received_count_24h": P.mule_payers,
    "sender_payers_30d": P.mule_payers,
    "sender_received_sum_24h": P.mule_received,
}
NEW = {"sender_age_hours": P.new_account_hours - 1, "sender_received_sum_24h": P.new_account_received}
EDGES = [
    (
        Reason.VELOCITY_HOUR,
        facts(1, sender_sent_count_2h=P.velocity_hour_count, sender_sent_sum_2h=P.velocity_hour_sum - 1),
        ("sender_sent_count_2h", "sender_sent_sum_2h"),
    ),
    (
        Reason.VELOCITY_DAY,
        facts(1, sender_sent_count_24h=P.velocity_day_count, sender_sent_sum_24h=P.velocity_day_sum - 1),
        ("sender_sent_count_24h", "sender_sent_sum_24h"),
    ),
    (
        Reason.STRUCTURING,
        facts(2_999_99, sender_just_under_count_30d=P.structuring_count),
        ("sender_just_under_count_30d",),
    ),
    (
        Reason.NEW_DEVICE_NEW_PAYEE,
        facts(P.new_device_amount, more={"new_device": True}, pair_new_payee=1),
        ("pair_new_payee",),
    ),
    (
        Reason.DORMANT_REACTIVATION,
        facts(P.dormant_amount, sender_idle_hours=P.dormant_hours, pair_new_payee=1),
        ("sender_idle_hours", "pair_new_payee"),
    ),
    (Reason.MULE_FORWARDS, facts(P.mule_received * 8 // 10, **FED), tuple(FED)),
    (
        Reason.NEW_ACCOUNT_CASH_OUT,
        facts(P.new_account_received * 8 // 10, kind=CASH_OUT, **NEW),
        ("sender_received_sum_24h",),
    ),
    (Reason.MULE_CASH_OUT, facts(P.mule_received * 8 // 10, kind=CASH_OUT, sender_age_hours=10_000, **FED), tuple(FED)),
]


@pytest.mark.parametrize(("reason", "at", "needed"), EDGES)
def test_a_rule_speaks_from_its_figure_on(reason: Reason, at: Facts, needed: tuple[str, ...]) -> None:
    assert screen(at, P) == Decision(Verdict.REVIEW, (reason,))
    assert screen(replace(at, amount=at.amount - 1), P).verdict is Verdict.ALLOW or reason is Reason.STRUCTURING
    for name in needed:
        below = list(at.features)
        below[INDEX[name]] -= 1
        assert screen(replace(at, features=below), P) == ALLOWED


def test_a_new_account_is_new_for_so_long_and_cash_outs_of_the_day_add_up() -> None:
    older = facts(P.new_account_received, kind=CASH_OUT, **(NEW | {"sender_age_hours": P.new_account_hours}))
    assert screen(older, P) == ALLOWED
    in_parts = facts(1, kind=CASH_OUT, **NEW, sender_cashed_sum_24h=P.new_account_received * 8 // 10 - 1)
    assert screen(in_parts, P).reasons == (Reason.NEW_ACCOUNT_CASH_OUT,)


@pytest.mark.parametrize("amount", [2_699_99, 3_000_00, 8_999_99, 10_000_00])
def test_what_is_not_just_under_a_threshold_is_no_structuring(amount: int) -> None:
    assert screen(facts(amount, sender_just_under_count_30d=99), P) == ALLOWED


@pytest.mark.parametrize(("score", "verdict", "reasons"), [
    (None, Verdict.ALLOW, ()),
    (0.9499, Verdict.ALLOW, ()),
    (0.95, Verdict.REVIEW, (Reason.SCORE_HIGH,)),
    (0.9989, Verdict.REVIEW, (Reason.SCORE_HIGH,)),
    (0.999, Verdict.DENY, (Reason.SCORE_VERY_HIGH,)),
])  # fmt: skip
def test_the_bands_of_the_score(score: float | None, verdict: Verdict, reasons: tuple[Reason, ...]) -> None:
    assert screen(facts(1, more={"score": score}), P) == Decision(verdict, reasons)


def test_all_reasons_are_told_and_the_severest_verdict_wins() -> None:
    many = facts(P.dormant_amount, sender_idle_hours=P.dormant_hours, pair_new_payee=1, more={
        "score": 0.96, "listed": (Reason.RECIPIENT_BLOCKED,), "degraded": True,
    })  # fmt: skip
    assert screen(many, P) == Decision(
        Verdict.DENY,
        (Reason.RECIPIENT_BLOCKED, Reason.DORMANT_REACTIVATION, Reason.DEGRADED_AMOUNT, Reason.SCORE_HIGH),
    )


@pytest.mark.parametrize("reason", LISTED)
def test_who_is_listed_is_declined_and_no_snooze_helps(reason: Reason) -> None:
    listed = facts(1, more={"listed": (reason,), "snoozed": tuple(Reason)})
    assert screen(listed, P) == Decision(Verdict.DENY, (reason,))


@pytest.mark.parametrize(("reason", "at", "needed"), EDGES)
def test_a_rule_that_sleeps_says_nothing(reason: Reason, at: Facts, needed: tuple[str, ...]) -> None:
    assert reason in SNOOZABLE
    assert screen(replace(at, snoozed=(reason,)), P) == ALLOWED
    other = next(one for one in SNOOZABLE if one is not reason)
    assert screen(replace(at, snoozed=(other,)), P).reasons == (reason,)


def test_what_cannot_wait_for_a_review_is_declined() -> None:
    assert screen(facts(1, more={"score": 0.96, "holdable": False}), P).verdict is Verdict.DENY


def test_degraded_mode_has_a_cap() -> None:
    degraded = {"more": {"degraded": True}}
    assert screen(facts(P.degraded_most, **degraded), P) == ALLOWED
    assert screen(facts(P.degraded_most + 1, **degraded), P).reasons == (Reason.DEGRADED_AMOUNT,)


def test_figures_that_changed_are_another_version() -> None:
    assert Policy().version == P.version == policy_of(P.document).version
    assert policy_of({"mule_payers": 11}).version != P.version
    assert policy_of({"mule_share": 1}).document["mule_share"] == 1.0


@pytest.mark.parametrize("document", [{"nobody": 1}, {"mule_payers": -1}, {"mule_payers": True}, {"mule_payers": "9"}])
def test_a_policy_of_other_things_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(UnknownFigure):
        policy_of(document)
