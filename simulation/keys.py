"""Signatures a hundred times faster than Ed25519, and a password hash that costs nothing, inside a simulation only.

A signature is a keyed hash that the public half can compute as well, which no person of the simulation ever does: a
forged or changed code fails as it would. That Ed25519 itself cannot be forged is not ours to simulate.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from locker_gateway import manifest, state
from locker_protocol import typed_code
from locker_protocol.site_entries import ServiceKey

CHEAP_SCRYPT_N = 2
# By this name both modules of the core know how to read a public key.
PUBLIC = Ed25519PublicKey.__name__

_known: dict[bytes, "QuickPublicKey"] = {}


class QuickPublicKey(Ed25519PublicKey):
    """The half that verifies."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._raw = blake2b(seed, digest_size=32).digest()
        _known[self._raw] = self

    @classmethod
    def from_public_bytes(cls, data: bytes) -> Ed25519PublicKey:
        """A key made in this process. Raises ValueError for any other."""
        try:
            return _known[data]
        except KeyError:
            raise ValueError("no key of this simulation") from None

    def public_bytes(self, encoding: serialization.Encoding, format: serialization.PublicFormat) -> bytes:  # noqa: A002, ARG002 - the parent's names
        return self._raw

    def public_bytes_raw(self) -> bytes:
        return self._raw

    def verify(self, signature: object, data: object) -> None:
        if blake2b(data, key=self._seed).digest() != signature:  # type: ignore[arg-type]  # bytes, as everywhere here
            raise InvalidSignature

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QuickPublicKey) and other._raw == self._raw

    def __hash__(self) -> int:
        return hash(self._raw)

    def __copy__(self) -> "QuickPublicKey":
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> "QuickPublicKey":
        return self


class QuickPrivateKey(Ed25519PrivateKey):
    """The half that signs."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._public = QuickPublicKey(seed)

    def public_key(self) -> Ed25519PublicKey:
        return self._public

    def sign(self, data: object) -> bytes:
        return blake2b(data, key=self._seed).digest()  # type: ignore[arg-type]  # bytes, as everywhere here

    def private_bytes_raw(self) -> bytes:
        return self._seed

    def private_bytes(
        self,
        encoding: serialization.Encoding,  # noqa: ARG002 - the parent's
        format: serialization.PrivateFormat,  # noqa: A002, ARG002 - the parent's
        encryption_algorithm: serialization.KeySerializationEncryption,  # noqa: ARG002 - the parent's
    ) -> bytes:
        return self._seed

    def __copy__(self) -> "QuickPrivateKey":
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> "QuickPrivateKey":
        return self


class KeyRing:
    """The service's signing keys: one that signs, at most one more that lives beside it."""

    def __init__(self) -> None:
        self.key_id, self.key = 1, QuickPrivateKey(b"service" + bytes(25))
        self.public = [_told(1, self.key)]
        self._next: QuickPrivateKey | None = None

    def settings(self) -> dict[int, Ed25519PublicKey]:
        """What a gateway is given when it is set up."""
        return {each.key_id: QuickPublicKey.from_public_bytes(bytes.fromhex(each.public_hex)) for each in self.public}

    def prepare(self, seed: bytes) -> bool:
        """Let the next key live; False while one waits already."""
        if self._next is not None:
            return False
        self._next = QuickPrivateKey(seed)
        self.public = [self.public[-1], _told(self.key_id + 1, self._next)]
        return True

    def turn(self) -> None:
        """Whoever verifies knows the next key: sign with it from now on."""
        if self._next is not None:
            self.key_id, self.key, self._next = self.key_id + 1, self._next, None


def _told(key_id: int, key: QuickPrivateKey) -> ServiceKey:
    return ServiceKey(key_id, key.public_key().public_bytes_raw().hex())


@contextmanager
def quick_signatures() -> Iterator[None]:
    """Inside, the gateway's core reads public keys as ours and hashes typed secrets at once."""
    before = typed_code.SCRYPT_N
    for module in (state, manifest):
        setattr(module, PUBLIC, QuickPublicKey)
    typed_code.SCRYPT_N = CHEAP_SCRYPT_N
    try:
        yield
    finally:
        for module in (state, manifest):
            setattr(module, PUBLIC, Ed25519PublicKey)
        typed_code.SCRYPT_N = before
