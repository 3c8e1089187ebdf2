"""Reading a QR code against checking a bare Ed25519 signature of the same length."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.figures import Figure, compare
from locker_protocol.token import RIGHT_COLLECT, Token, read_token, sign_token


def measure() -> list[Figure]:
    """One figure."""
    key = Ed25519PrivateKey.generate()
    public, message = key.public_key(), bytes(41)
    signature = key.sign(message)
    text = sign_token(Token(1, 1, b"12345678", 7, 1, RIGHT_COLLECT, 1_800_000_000), key)
    return [
        compare(
            "read a QR code",
            lambda: read_token(text, {1: public}),
            lambda: public.verify(signature, message),
            times=500,
            floor_is="a bare signature check",
        )
    ]
