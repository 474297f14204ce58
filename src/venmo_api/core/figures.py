"""The figures of the product, in cents and seconds: limits, fees, how long things wait. Defaults of the settings."""

from dataclasses import dataclass, field

from venmo_api.core.policy import Policy

DAY = 24 * 3600


@dataclass(frozen=True, slots=True)
class Figures:
    """``*_bp`` are basis points: hundredths of a percent. ``quota_*`` are requests in the window of their class, which
    ``http/quotas.py`` tells; ``wrong_by_network`` are wrong passwords an hour."""

    window_seconds: int = 7 * DAY
    sent_unverified: int = 299_99
    sent_verified: int = 60_000_00
    topped_up: int = 10_000_00
    cashed_out_unverified: int = 999_99
    cashed_out_verified: int = 19_999_99
    cash_out_most: int = 5_000_00
    debt_verified: int = 1_000_00
    debt_unverified: int = 100_00
    new_device_seconds: int = DAY
    new_device_sent: int = 100_00
    confirm_payee_above: int = 100_00
    approve_above: int = 1_000_00
    duplicate_seconds: int = 10 * 60
    claim_seconds: int = 14 * DAY
    request_seconds: int = 30 * DAY
    reminder_seconds: int = DAY
    hold_seconds: int = 7 * DAY
    review_seconds: int = 3 * DAY
    inbox_seconds: int = 90 * DAY
    card_fee_bp: int = 300
    seller_fee_bp: int = 190
    seller_fee_fixed: int = 10
    instant_fee_bp: int = 175
    instant_fee_least: int = 25
    instant_fee_most: int = 25_00
    wrong_by_network: int = 1_000
    fanout_most: int = 1_000
    quota_sign_in: int = 6_000
    quota_anonymous: int = 60_000
    quota_look_ups: int = 5_000
    quota_contacts: int = 300
    quota_matches: int = 30_000
    quota_comments: int = 600
    quota_reports: int = 50
    quota_reads: int = 200_000
    quota_writes: int = 50_000
    suspicious_from: int = 2_000_00
    filing_seconds: int = 30 * DAY
    case_kept_seconds: int = 5 * 365 * DAY
    currency_report_above: int = 10_000_00
    travel_rule_from: int = 3_000_00
    business_day_starts_hour: int = 5
    risk: Policy = field(default_factory=Policy)
