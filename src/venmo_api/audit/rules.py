"""What is noted of which acts, and how one entry is chained to the one before. Pure."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID


class Act(StrEnum):
    SIGN_UP = "sign_up"
    SIGN_IN = "sign_in"
    REFRESH = "refresh"
    SIGN_OUT = "sign_out"
    REVOKE_SESSION = "revoke_session"
    CHANGE_PASSWORD = "change_password"  # noqa: S105 - the name of an act
    RESET_PASSWORD = "reset_password"  # noqa: S105
    CHANGE_CONTACT = "change_contact"
    VERIFY_CONTACT = "verify_contact"
    CHANGE_PROFILE = "change_profile"
    VERIFY_IDENTITY = "verify_identity"
    BLOCK = "block"
    UNBLOCK = "unblock"
    ADD_FUNDING_SOURCE = "add_funding_source"
    ADD_FACTOR = "add_factor"
    REMOVE_FACTOR = "remove_factor"
    RENEW_RECOVERY_CODES = "renew_recovery_codes"
    STEP_UP = "step_up"
    APPROVE = "approve"
    SEARCH_PEOPLE = "search_people"
    READ_PERSON = "read_person"
    READ_TRANSFERS = "read_transfers"
    READ_SESSIONS = "read_sessions"
    READ_AUDIT = "read_audit"
    ASK_AS_STAFF = "ask_as_staff"
    REPORT = "report"
    READ_REPORTS = "read_reports"
    DECIDE_REPORT = "decide_report"
    DELETE_COMMENT = "delete_comment"
    READ_CASES = "read_cases"
    READ_CASE = "read_case"
    PROPOSE_ENDING = "propose_ending"
    JUDGE_PROPOSAL = "judge_proposal"
    READ_HELD_PAYMENTS = "read_held_payments"
    READ_RISK_CASE = "read_risk_case"
    DECIDE_HELD_PAYMENT = "decide_held_payment"
    LABEL_PAYMENT = "label_payment"
    SNOOZE_RULE = "snooze_rule"
    WAKE_RULE = "wake_rule"
    READ_BLOCKLIST = "read_blocklist"
    ADD_TO_BLOCKLIST = "add_to_blocklist"
    REMOVE_FROM_BLOCKLIST = "remove_from_blocklist"
    READ_DECISIONS = "read_decisions"
    READ_SHADOWS = "read_shadows"
    GRANT_ROLE = "grant_role"
    REVOKE_ROLE = "revoke_role"
    ROTATE_KEYS = "rotate_keys"
    ERASE_PERSON = "erase_person"
    DRIVE_CLOCK = "drive_clock"


OF_CASES: Final = frozenset({Act.READ_CASES, Act.READ_CASE, Act.PROPOSE_ENDING, Act.JUDGE_PROPOSAL})
"""That there is a case is for those to know who work on cases."""


class Result(StrEnum):
    OK = "ok"
    WRONG = "wrong"
    LOCKED = "locked"
    FACTOR_ASKED = "factor_asked"
    REUSED = "reused"
    REFUSED = "refused"


Details = Mapping[str, str | int]
NOTHING: Final[Details] = MappingProxyType({})
_WORD = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
GENESIS: Final = bytes(32)
"""What the first entry of a chain follows."""


@dataclass(frozen=True, slots=True)
class Entry:
    """``actor_id`` is None for somebody who is not known and for the operator; ``subject_id`` is whom it is about."""

    id: UUID
    at: datetime
    act: str
    result: str
    actor_id: UUID | None
    subject_id: UUID | None
    network: str | None
    agent: str | None
    details: Details


@dataclass(frozen=True, slots=True)
class Link:
    """One place of the chain. ``hash`` is of the hash before it and of the entry."""

    position: int = 0
    hash: bytes = GENESIS


def words_only(details: Details) -> dict[str, str | int]:
    """``details``, which must be ids, numbers and words of an enumeration. What may be text of a person is a defect
    of the caller: ValueError."""
    for name, value in details.items():
        if not _WORD.fullmatch(name) or not (isinstance(value, int) or _WORD.fullmatch(value)):
            raise ValueError(f"{name} is not an id, a number or a word")
    return dict(details)


def follow(last: Link, document: str) -> Link:
    """The link after ``last``, for the entry that ``document`` spells."""
    return Link(last.position + 1, hashlib.sha256(last.hash + document.encode()).digest())
