"""A permutation of ids: who lacks the key can tell neither the time in one nor which of two is the older. Pure."""

from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class Veil:
    """AES-256 of one block, which is what an id is. No mode and no nonce: the same id must always look the same."""

    def __init__(self, secret: bytes) -> None:
        cipher = Cipher(algorithms.AES256(secret), modes.ECB())  # noqa: S305 - one block; see above  # nosec B305
        self._encrypted = cipher.encryptor().update
        self._decrypted = cipher.decryptor().update

    def over(self, value: UUID) -> UUID:
        return UUID(bytes=self._encrypted(value.bytes))

    def under(self, veiled: UUID) -> UUID:
        """Every UUID has one beneath it: who makes one up gets an id that is nobody's."""
        return UUID(bytes=self._decrypted(veiled.bytes))
