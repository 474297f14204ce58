"""What the bucket itself must see to, whatever this service does: versions, locks, encryption, cold tiers, who may
delete. Applied by `migrate`, checked by `archive check` and in production by readiness."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from venmo_api.adapters.s3 import NotSupported, Objects, Refused
from venmo_api.archive import rules
from venmo_api.core.errors import Unavailable

OURS: Final = "venmo-"
"""How our rules and statements are named; those of others stay as they are."""
NONCURRENT_DAYS: Final = 30
UPLOAD_DAYS: Final = 7
LOOK_AGAIN: Final = timedelta(minutes=10)


class BucketWeak(Unavailable):
    code = "bucket_weak"
    title = "The bucket does not keep what it must keep"


@dataclass(frozen=True, slots=True)
class Wanted:
    """``archivist`` is the ARN of the role that alone may delete; ``tls`` whether the bucket is spoken to by TLS."""

    bucket: str
    cold_after_days: int
    archivist: str | None
    tls: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """One setting of the bucket; ``wrong`` None: as it must be. ``missing`` the server cannot, or nobody said how."""

    name: str
    wrong: str | None = None
    missing: bool = False


def settings(wanted: Wanted) -> dict[str, Any]:
    """What the bucket must be set to, by the names of ``Objects.configuration``."""
    return {
        "versioning": {"Status": "Enabled"},
        "object_lock": {"ObjectLockEnabled": "Enabled"},
        "encryption": {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
        "public_access": dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        ),
        "lifecycle": {"Rules": _lifecycle(wanted)},
        "policy": {"Version": "2012-10-17", "Statement": _statements(wanted)},
    }


def _lifecycle(wanted: Wanted) -> list[dict[str, Any]]:
    cold = [
        {
            "ID": f"{OURS}cold-{shelf}",
            "Status": "Enabled",
            "Filter": {"Prefix": f"{shelf}/"},
            "Transitions": [{"Days": wanted.cold_after_days, "StorageClass": "GLACIER"}],
        }
        for shelf in rules.SHELVES
    ]
    tidy = {
        "ID": f"{OURS}tidy",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": NONCURRENT_DAYS},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UPLOAD_DAYS},
    }
    return [*cold, tidy]


def _statements(wanted: Wanted) -> list[dict[str, Any]]:
    arn = f"arn:aws:s3:::{wanted.bucket}"
    found: list[dict[str, Any]] = []
    if wanted.tls:
        found.append(
            {
                "Sid": f"{OURS}tls-only",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        )
    if wanted.archivist:
        found.append(
            {
                "Sid": f"{OURS}archivist-deletes",
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutLifecycleConfiguration"],
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"ArnNotEquals": {"aws:PrincipalArn": wanted.archivist}},
            }
        )
    return found


async def apply(objects: Objects, wanted: Wanted) -> list[Finding]:
    """Set the bucket; what is set already, or more strictly, stays. Raises Unavailable when S3 cannot be reached."""
    for name, value in settings(wanted).items():
        try:
            found = await objects.configuration(name)
            if not (name == "policy" and not value["Statement"]) and not is_met(name, value, found):
                await objects.configure(name, _written(name, _with_others(name, value, found)))
        except Refused:
            continue  # ``check`` says so
    return await check(objects, wanted)


async def check(objects: Objects, wanted: Wanted) -> list[Finding]:
    """Raises Unavailable when S3 cannot be reached."""
    found = []
    for name, value in settings(wanted).items():
        try:
            met = is_met(name, value, await objects.configuration(name))
            found.append(Finding(name, None if met else "is not set as it must be: run `venmo-api migrate`"))
        except NotSupported:
            found.append(Finding(name, "is nothing this S3 server knows", missing=True))
    if not wanted.tls:
        found.append(Finding("TLS only", "is not asked for, since the bucket is spoken to without TLS", missing=True))
    if wanted.archivist is None:
        told = "is not restricted: name the role that may in VENMO_ARCHIVE_ROLE_ARN"
        found.append(Finding("deleting", told, missing=True))
    return found


def is_met(name: str, value: Any, found: Any) -> bool:
    """Whether a bucket that answers ``found`` is set to ``value``, whatever else it is set to."""
    if name == "versioning":
        return bool(found == value["Status"])
    if name == "policy":
        return not value["Statement"] or (
            found is not None and _within(value["Statement"], json.loads(found)["Statement"])
        )
    if name == "lifecycle":
        return _within(value["Rules"], found or [])
    if name == "encryption":  # any is right; the one of one's own key is better
        return bool(found and found.get("Rules"))
    return _within(value, found)


def _within(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(_within(value, found.get(name)) for name, value in wanted.items())
    if isinstance(wanted, list) and wanted and isinstance(wanted[0], Mapping):
        return isinstance(found, Sequence) and all(any(_within(one, other) for other in found) for one in wanted)
    return bool(wanted == found)


def _with_others(name: str, value: Any, found: Any) -> Any:
    """``value`` beside the rules and statements that others gave the bucket."""
    if name == "lifecycle":
        return {"Rules": [rule for rule in found or [] if not _is_ours(rule.get("ID"))] + value["Rules"]}
    if name == "policy" and found is not None:
        document = json.loads(found)
        others = [each for each in document["Statement"] if not _is_ours(each.get("Sid"))]
        return document | {"Statement": others + value["Statement"]}
    return value


def _is_ours(label: str | None) -> bool:
    return (label or "").startswith(OURS)


def _written(name: str, value: Any) -> Any:
    return json.dumps(value) if name == "policy" else value


@dataclass(slots=True)
class Watch:
    """``check`` for a process that is asked every few seconds: S3 is asked every ten minutes."""

    objects: Objects
    wanted: Wanted
    looked_at: datetime | None = None
    wrong: list[str] = field(default_factory=list)

    async def require(self, *, now: datetime) -> None:
        """Raises BucketWeak, and Unavailable when S3 cannot be reached."""
        if self.looked_at is None or now - self.looked_at >= LOOK_AGAIN:
            found = await check(self.objects, self.wanted)
            self.wrong = [f"{one.name} {one.wrong}" for one in found if one.wrong and not one.missing]
            self.looked_at = now
        if self.wrong:
            raise BucketWeak("; ".join(self.wrong) + ".")
