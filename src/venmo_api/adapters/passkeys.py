"""Passkeys (WebAuthn level 3), by py_webauthn: what a browser is asked, and whether its answer is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers.options_to_json_dict import options_to_json_dict
from webauthn.helpers.parse_authentication_credential_json import parse_authentication_credential_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

NONCE_BYTES = 32


class BadPasskey(Exception):
    """The answer is not of this challenge, this site, this key, or not an answer at all."""


@dataclass(frozen=True, slots=True)
class Registered:
    credential_id: bytes
    public_key: bytes
    sign_count: int


class Passkeys:
    """Of one site: ``rp_id`` is its domain, ``origins`` are its pages and apps. Each answer must be to ``nonce``."""

    def __init__(self, *, rp_id: str, origins: Sequence[str], name: str) -> None:
        self._rp_id = rp_id
        self._origins = list(origins)
        self._name = name

    def ask_to_register(
        self, *, user_id: bytes, user_name: str, known: Sequence[bytes], nonce: bytes
    ) -> dict[str, Any]:
        """Options of ``navigator.credentials.create``."""
        options = generate_registration_options(
            rp_id=self._rp_id,
            rp_name=self._name,
            user_id=user_id,
            user_name=user_name,
            challenge=nonce,
            exclude_credentials=_descriptors(known),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.PREFERRED,
            ),
        )
        return options_to_json_dict(options)

    def register(self, credential: str, *, nonce: bytes) -> Registered:
        """Raises BadPasskey."""
        try:
            found = verify_registration_response(
                credential=credential,
                expected_challenge=nonce,
                expected_rp_id=self._rp_id,
                expected_origin=self._origins,
            )
        except Exception:
            # Not only its own errors: what is hostile enough makes the library's parsers fail in any way.
            raise BadPasskey from None
        return Registered(found.credential_id, found.credential_public_key, found.sign_count)

    def ask_to_sign(self, *, known: Sequence[bytes], nonce: bytes) -> dict[str, Any]:
        """Options of ``navigator.credentials.get``."""
        options = generate_authentication_options(
            rp_id=self._rp_id, challenge=nonce, allow_credentials=_descriptors(known)
        )
        return options_to_json_dict(options)

    def credential_id(self, credential: str) -> bytes:
        """Which key an answer says it is of; none that there is when it is not an answer."""
        try:
            return parse_authentication_credential_json(credential).raw_id
        except Exception:  # as above
            return b""

    def signed(self, credential: str, *, nonce: bytes, public_key: bytes, sign_count: int) -> int:
        """The new sign count of a right answer. Raises BadPasskey, also for a count that did not grow: a copied key."""
        try:
            found = verify_authentication_response(
                credential=credential,
                expected_challenge=nonce,
                expected_rp_id=self._rp_id,
                expected_origin=self._origins,
                credential_public_key=public_key,
                credential_current_sign_count=sign_count,
            )
        except Exception:  # as above
            raise BadPasskey from None
        return found.new_sign_count


def _descriptors(known: Sequence[bytes]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=each) for each in known]
