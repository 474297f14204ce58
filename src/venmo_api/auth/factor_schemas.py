"""Bodies of second factors, challenges and step-up."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from venmo_api.auth.proofs import PASSKEYS_MOST, RECOVERY_CODES, Added, Approves, Factor, FactorKind, Proof, SteppedUp
from venmo_api.auth.rules import ACCESS_SECONDS, ContactKind, canonical
from venmo_api.auth.schemas import NAME_MOST, DeviceName, Password
from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.core.money import MAX_AMOUNT_CENTS
from venmo_api.http import fields
from venmo_api.http.bodies import Body, Plain

Base64Url = Annotated[str, StringConstraints(min_length=1, max_length=20_000, pattern=r"^[A-Za-z0-9_-]+={0,2}$")]
Digits = Annotated[str, StringConstraints(max_length=6, pattern=r"^[0-9]{6}$"), Field(examples=["123456"])]
FactorCode = Annotated[
    str, StringConstraints(min_length=6, max_length=40), fields.plain(40), Plain, Field(examples=["123456"])
]
Channel = Annotated[Literal["email", "phone"], Field(description="which of your proved contacts")]
ChallengeToken = Annotated[
    str,
    StringConstraints(min_length=10, max_length=100),
    fields.opaque(100),
    Plain,
    Field(description="as `second_factor_required` told"),
]


class Credential(BaseModel):
    """A passkey's answer, as ``toJSON()`` of the browser's ``PublicKeyCredential`` gives it."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    id: Base64Url
    rawId: Base64Url
    type: Literal["public-key"]


class AttestationResponse(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    clientDataJSON: Base64Url
    attestationObject: Base64Url


class AssertionResponse(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    clientDataJSON: Base64Url
    authenticatorData: Base64Url
    signature: Base64Url


class NewCredential(Credential):
    """What ``navigator.credentials.create`` gave."""

    response: AttestationResponse


class SignedCredential(Credential):
    """What ``navigator.credentials.get`` gave."""

    response: AssertionResponse


class ConfirmTotpBody(Body):
    code: Digits


class PasskeyBody(Body):
    credential: NewCredential
    name: DeviceName | None = None


class ChannelBody(Body):
    channel: Channel


class ChallengeTokenBody(Body):
    challenge_token: ChallengeToken


class ChallengeChannelBody(ChallengeTokenBody):
    channel: Channel


class ProofBody(Body):
    """``factor`` says by what, ``code`` is its code; a passkey has a ``credential`` instead."""

    factor: FactorKind | None = None
    code: FactorCode | None = None
    credential: SignedCredential | None = None

    def proof(self) -> Proof | None:
        if self.factor is None:
            return None
        if self.credential is not None:
            return Proof(self.factor, credential=self.credential.model_dump_json())
        return Proof(self.factor, self.code or "")

    def _proves_once(self) -> bool:
        """Whether what is given is what the factor needs, and nothing else."""
        passkey = self.factor is FactorKind.PASSKEY
        return self.factor is not None and passkey == (self.credential is not None) == (self.code is None)


class ChallengeBody(ProofBody):
    challenge_token: ChallengeToken
    factor: FactorKind

    @model_validator(mode="after")
    def _one_proof(self) -> "ChallengeBody":
        if not self._proves_once():
            raise ValueError("give a `credential` for a passkey, a `code` for any other factor")
        return self


def _user_id(text: str) -> str:
    if ids.decode(ids.USER, text) is None:
        raise ValueError("is not a user id")
    return text


class ApprovesBody(Body):
    """One payment: its payee (exactly one of these; a contact only if nobody is known by it yet) and its amount."""

    recipient_id: Annotated[str, AfterValidator(_user_id), fields.public_id(ids.USER)] | None = None
    email: Annotated[str, StringConstraints(max_length=254), fields.plain(254)] | None = None
    phone: Annotated[str, StringConstraints(max_length=32), fields.plain(32)] | None = None
    amount: Annotated[int, Field(gt=0, le=MAX_AMOUNT_CENTS, description="cents", json_schema_extra={"format": "int64"})]

    @model_validator(mode="after")
    def _one_payee(self) -> "ApprovesBody":
        if [self.recipient_id, self.email, self.phone].count(None) != 2:
            raise ValueError("name the payee by exactly one of recipient_id, email, phone")
        self.approves()
        return self

    def approves(self) -> Approves:
        recipient_id = ids.decode(ids.USER, self.recipient_id) if self.recipient_id else None
        if recipient_id is not None:
            return Approves(recipient_id, self.amount)
        kind, value = ("email", self.email) if self.email else ("phone", self.phone or "")
        return Approves((kind, canonical(kind, value or "")), self.amount)


class StepUpBody(ProofBody):
    """``password`` if you have no second factor, else a proof by one. With ``approves`` you get an `approval` for one
    payment."""

    password: Password | None = None
    approves: ApprovesBody | None = None

    @model_validator(mode="after")
    def _one_proof(self) -> "StepUpBody":
        nothing_else = self.factor is None and self.code is None and self.credential is None
        if not (self._proves_once() if self.password is None else nothing_else):
            raise ValueError("give either your `password` or one `factor` with its `code` or `credential`")
        return self


class FactorOut(BaseModel):
    id: Annotated[str, fields.public_id(ids.FACTOR)]
    kind: Literal["totp", "passkey", "email", "phone"]
    name: Annotated[str, fields.text(NAME_MOST)] | None
    created_at: fields.Moment
    used_at: fields.Moment | None


class FactorList(BaseModel):
    data: Annotated[list[FactorOut], Field(max_length=PASSKEYS_MOST + 3)]
    recovery_codes_left: fields.Count


class TotpOut(BaseModel):
    """``uri`` is for a QR code, ``secret`` for typing it in. Neither is told again."""

    secret: fields.Opaque
    uri: fields.Link


RecoveryCodeList = Annotated[list[fields.Opaque], Field(max_length=RECOVERY_CODES, description="told only this once")]


class Enrolled(BaseModel):
    """``recovery_codes`` come with the first factor: keep them where you find them without this device.
    ``access_token`` stands in for the one you have, where adding the factor has just proved that you hold it."""

    factor: FactorOut
    recovery_codes: RecoveryCodeList
    access_token: fields.Opaque | None
    token_type: Literal["Bearer"]
    expires_in: fields.Count


class RecoveryCodesOut(BaseModel):
    recovery_codes: RecoveryCodeList


class CodeOnItsWay(BaseModel):
    channel: ContactKind
    expires_at: fields.Moment


class PasskeyOptions(BaseModel):
    """Options for the browser, as ``parseCreationOptionsFromJSON`` or ``parseRequestOptionsFromJSON`` takes them."""

    model_config = ConfigDict(extra="allow")

    challenge: fields.Opaque


class SteppedUpOut(BaseModel):
    """``access_token`` stands in for the one you have; ``approval`` is for the header ``Approval`` of the payment."""

    access_token: fields.Opaque
    token_type: Literal["Bearer"]
    expires_in: fields.Count
    approval: fields.Opaque | None


def factor_document(factor: Factor) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.FACTOR, factor.id),
        "kind": factor.kind,
        "name": factor.name,
        "created_at": rfc3339(factor.created_at),
        "used_at": rfc3339(factor.used_at) if factor.used_at else None,
    }


def enrolled_document(added: Added, access_token: str | None) -> dict[str, Any]:
    made = {"factor": factor_document(added.factor), "recovery_codes": added.recovery_codes}
    return made | _token(access_token)


def stepped_up_document(stepped: SteppedUp) -> dict[str, Any]:
    return _token(stepped.access_token) | {"approval": stepped.approval}


def _token(access_token: str | None) -> dict[str, Any]:
    return {"access_token": access_token, "token_type": "Bearer", "expires_in": ACCESS_SECONDS}
