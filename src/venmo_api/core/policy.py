"""The figures of the rules that stop fraud: a part of the product's figures, with a version of its own."""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Policy:
    """Cents, hours, counts, shares and scores. The version is a hash of them, so that figures that changed are another
    version, whoever changed them. ``docs/risk.md`` tells what each means, and why it is so high."""

    degraded_most: int = 500_00
    velocity_hour_count: int = 20
    velocity_hour_sum: int = 2_500_00
    velocity_day_count: int = 50
    velocity_day_sum: int = 10_000_00
    structuring_count: int = 5
    new_device_amount: int = 500_00
    new_account_hours: int = 72
    new_account_received: int = 1_500_00
    new_account_share: float = 0.8
    mule_payers: int = 10
    mule_received: int = 2_500_00
    mule_share: float = 0.8
    dormant_hours: int = 180 * 24
    dormant_amount: int = 1_000_00
    score_review: float = 0.95
    score_deny: float = 0.999

    @cached_property
    def version(self) -> str:
        return hashlib.sha256(json.dumps(self.document, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def document(self) -> dict[str, Any]:
        return asdict(self)
