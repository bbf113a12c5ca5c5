"""ES256 (RFC 7518 §3.4) and Ed25519 (RFC 8032) checks, on `cryptography` or, without it, `ecdsa`.

Nothing here signs. Signatures of transactions are raw r‖s of 64 bytes; on the chain only the low s
of the two is valid, so that a signed record has one identity.

`ALGORITHMS` is the one table of what members may sign with: another algorithm, such as SM2, joins
the ledger by an entry there, a check in both backends and a version of the rules that allows it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Protocol

from node.core.encoding import canonical_json, decode_base64url, encode_base64url
from node.core.errors import InvalidSignature

__all__ = [
    "ALGORITHMS",
    "P256_ORDER",
    "Algorithm",
    "Backend",
    "PublicJwk",
    "algorithm_named",
    "check_ed25519_key",
    "check_es256_form",
    "has_low_s",
    "load_backend",
    "use_low_s",
]

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_P256_PRIME = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_CURVES = {"P-256": (_P256_PRIME, _P256_PRIME - 3, _P256_B)}
"""The curves of members' keys, y² = x³ + ax + b: p, a and b by the JWK's ``crv``."""
_HALF_ORDER = P256_ORDER >> 1
_ED25519_PRIME = 2**255 - 19
_ED25519_D = -121665 * pow(121666, _ED25519_PRIME - 2, _ED25519_PRIME) % _ED25519_PRIME
_ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
_ORDER_8_Y = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER_Y = frozenset((0, 1, _ED25519_PRIME - 1, _ORDER_8_Y, _ED25519_PRIME - _ORDER_8_Y))


@dataclass(frozen=True)
class PublicJwk:
    """A member's public key as a JWK (RFC 7517, RFC 7518 §6.2) with exactly kty, crv, x and y.

    ``x`` and ``y`` have 32 bytes each, big-endian; ``crv`` is a curve of the table `ALGORITHMS`.
    """

    x: bytes
    y: bytes
    crv: str = "P-256"

    @classmethod
    def from_json(cls, value: Any, *, place: str) -> PublicJwk:
        """Decode a JWK object.

        Raises:
            InvalidEncoding: a coordinate is no canonical base64url.
            InvalidSignature: not a key of a known curve, or a point that is not on it.
        """
        if not isinstance(value, dict) or set(value) != {"kty", "crv", "x", "y"}:
            raise InvalidSignature(place, "must be a JWK with exactly kty, crv, x and y")
        crv = value["crv"]
        if value["kty"] != "EC" or not isinstance(crv, str) or crv not in _CURVES:
            raise InvalidSignature(place, f"must have kty EC and crv {' or '.join(_CURVES)}")
        coordinates = []
        for name in ("x", "y"):
            if not isinstance(value[name], str):
                raise InvalidSignature(f"{place}.{name}", "must be base64url")
            coordinates.append(decode_base64url(value[name], place=f"{place}.{name}"))
        if any(len(part) != 32 for part in coordinates):
            raise InvalidSignature(place, "coordinates must be 32 bytes each")
        key = cls(coordinates[0], coordinates[1], crv)
        key.check_point(place)
        return key

    def check_point(self, place: str) -> None:
        """Raise InvalidSignature unless (x, y) lies on the key's curve."""
        x, y = int.from_bytes(self.x, "big"), int.from_bytes(self.y, "big")
        prime, a, b = _CURVES[self.crv]
        on_curve = (y * y - (x * x * x + a * x + b)) % prime == 0
        if x >= prime or y >= prime or not on_curve:
            raise InvalidSignature(place, f"the point is not on {self.crv}")

    def to_json(self) -> dict[str, str]:
        """The JWK object."""
        return {
            "crv": self.crv,
            "kty": "EC",
            "x": encode_base64url(self.x),
            "y": encode_base64url(self.y),
        }

    def thumbprint(self) -> str:
        """SHA-256 thumbprint in base64url (RFC 7638 §3): the key's ``kid``."""
        return self._thumbprint

    @cached_property
    def _thumbprint(self) -> str:
        return encode_base64url(hashlib.sha256(canonical_json(self.to_json())).digest())


def check_es256_form(signature: bytes, *, place: str = "signature") -> None:
    """Raise InvalidSignature unless this is 64 bytes r‖s with 0 < r, s < n."""
    if len(signature) != 64:
        raise InvalidSignature(place, f"{len(signature)} bytes, r‖s has 64")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < P256_ORDER and 0 < s < P256_ORDER):
        raise InvalidSignature(place, "r and s must be between 1 and n-1")


def has_low_s(signature: bytes) -> bool:
    """Whether s is at most n/2."""
    return int.from_bytes(signature[32:], "big") <= _HALF_ORDER


def use_low_s(signature: bytes) -> bytes:
    """The signature with s or n-s, whichever is low. Both hold for the same message."""
    if has_low_s(signature):
        return signature
    low = P256_ORDER - int.from_bytes(signature[32:], "big")
    return signature[:32] + low.to_bytes(32, "big")


def check_ed25519_key(key: bytes, *, place: str) -> None:
    """Raise InvalidSignature unless ``key`` is a canonical point of the prime-order group.

    Libraries accept the eight points of small order, under which one signature holds for any
    message, and they differ about points that are the sum of one of those and an ordinary key.
    """
    if len(key) != 32:
        raise InvalidSignature(place, "an Ed25519 key has 32 bytes")
    fault = _point_fault(key)
    if fault is not None:
        raise InvalidSignature(place, f"the Ed25519 key {fault}")


@lru_cache(maxsize=1024)
def _point_fault(encoded: bytes) -> str | None:
    """What keeps an encoded point from being a key."""
    number, prime = int.from_bytes(encoded, "little"), _ED25519_PRIME
    sign, y = number >> 255, number & (1 << 255) - 1
    if y >= prime:
        return "is not in canonical form"
    if y in _SMALL_ORDER_Y:
        return "has small order"
    square = (y * y - 1) * pow(_ED25519_D * y * y + 1, prime - 2, prime) % prime
    x = pow(square, (prime + 3) // 8, prime)
    if x * x % prime != square:
        x = x * pow(2, (prime - 1) // 4, prime) % prime
    if x * x % prime != square:
        return "is no point of the curve"
    x = prime - x if x & 1 != sign else x
    return None if _has_prime_order(x, y) else "is not of the prime-order group"


def _has_prime_order(x: int, y: int) -> bool:
    """Whether the group's order times this point is the neutral element (RFC 8032 §5.1.4)."""
    prime, twice_d = _ED25519_PRIME, 2 * _ED25519_D
    point = start = (x, y, 1, x * y % prime)
    for bit in bin(_ED25519_ORDER)[3:]:
        for other in (point, start)[: 1 + int(bit)]:
            x1, y1, z1, t1 = point
            x2, y2, z2, t2 = other
            a, b = (y1 - x1) * (y2 - x2) % prime, (y1 + x1) * (y2 + x2) % prime
            c, d = t1 * twice_d * t2 % prime, 2 * z1 * z2 % prime
            e, f, g, h = b - a, d - c, d + c, b + a
            point = e * f % prime, g * h % prime, f * g % prime, e * h % prime
    return point[0] == 0 and point[1] == point[2]


def _check_ed25519_form(signature: bytes) -> None:
    """Raise InvalidSignature unless R and S are in canonical form and R not of small order.

    `ecdsa` writes R anew before it hashes it, so it would accept what others refuse.
    """
    if len(signature) != 64:
        raise InvalidSignature("signature", f"{len(signature)} bytes, an Ed25519 one has 64")
    y = int.from_bytes(signature[:32], "little") & (1 << 255) - 1
    if y >= _ED25519_PRIME or y in _SMALL_ORDER_Y:
        raise InvalidSignature("signature", "its R is not canonical or of small order (Ed25519)")
    if int.from_bytes(signature[32:], "little") >= _ED25519_ORDER:
        raise InvalidSignature("signature", "its S is not below the group's order (Ed25519)")


_COORDINATE_BYTES = {"P-256": 32, "P-384": 48, "P-521": 66}


def _check_ecdsa_form(curve: str, point: bytes, signature: bytes) -> None:
    """Raise InvalidSignature unless both have the curve's length; `ecdsa` takes others too."""
    expected = 2 * _COORDINATE_BYTES[curve]
    if len(point) != expected or len(signature) != expected:
        raise InvalidSignature("signature", f"x‖y and r‖s have {expected} bytes on {curve}")


class Backend(Protocol):
    """Checks of signatures. Both implementations accept and refuse the same."""

    name: str

    def verify_es256(self, key: PublicJwk, message: bytes, signature: bytes) -> None:
        """Raise InvalidSignature unless ``signature`` (r‖s) holds for ``message`` under ``key``."""

    def verify_ed25519(self, key: bytes, message: bytes, signature: bytes) -> None:
        """Raise InvalidSignature unless ``signature`` holds for ``message`` under ``key``."""

    def verify_ecdsa(
        self, curve: str, point: bytes, digest: str, message: bytes, signature: bytes
    ) -> None:
        """Check a signature of what stands outside this ledger: certificates, time-stamps, blocks.

        Args:
            curve: P-256, P-384 or P-521.
            point: x‖y, each of the curve's length.
            digest: sha256, sha384 or sha512, what the message is hashed with.
            message: what was signed.
            signature: r‖s, each of the curve's length.

        Raises:
            InvalidSignature: it does not hold, or the point is not on the curve.
        """


class _CryptographyBackend:
    name = "cryptography"

    def __init__(self) -> None:
        from cryptography.exceptions import InvalidSignature as Refused
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

        self._refused = Refused
        self._ec, self._ed25519 = ec, ed25519
        self._encode = utils.encode_dss_signature
        self._algorithm = ec.ECDSA(hashes.SHA256())
        self._digests = {
            "sha256": self._algorithm,
            "sha384": ec.ECDSA(hashes.SHA384()),
            "sha512": ec.ECDSA(hashes.SHA512()),
        }
        self._curves: dict[str, ec.EllipticCurve] = {
            "P-256": ec.SECP256R1(),
            "P-384": ec.SECP384R1(),
            "P-521": ec.SECP521R1(),
        }

    def verify_es256(self, key: PublicJwk, message: bytes, signature: bytes) -> None:
        check_es256_form(signature)
        der = self._encode(
            int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        )
        point = b"\x04" + key.x + key.y
        try:
            public = self._ec.EllipticCurvePublicKey.from_encoded_point(self._ec.SECP256R1(), point)
            public.verify(der, message, self._algorithm)
        except (self._refused, ValueError) as error:
            raise InvalidSignature("signature", "does not hold under this key (ES256)") from error

    def verify_ed25519(self, key: bytes, message: bytes, signature: bytes) -> None:
        check_ed25519_key(key, place="public key")
        _check_ed25519_form(signature)
        try:
            self._ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        except (self._refused, ValueError) as error:
            raise InvalidSignature("signature", "does not hold under this key (Ed25519)") from error

    def verify_ecdsa(
        self, curve: str, point: bytes, digest: str, message: bytes, signature: bytes
    ) -> None:
        """See Backend."""
        _check_ecdsa_form(curve, point, signature)
        half = len(signature) // 2
        r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        try:
            public = self._ec.EllipticCurvePublicKey.from_encoded_point(
                self._curves[curve], b"\x04" + point
            )
            public.verify(self._encode(r, s), message, self._digests[digest])
        except (self._refused, ValueError) as error:
            raise InvalidSignature(
                "signature", f"does not hold under this key ({curve})"
            ) from error


class _EcdsaBackend:
    """Pure Python, for machines where nothing can be compiled. It only verifies."""

    name = "ecdsa"

    def __init__(self) -> None:
        import ecdsa
        from ecdsa.errors import MalformedPointError
        from ecdsa.util import sigdecode_string

        self._ecdsa, self._decode = ecdsa, sigdecode_string
        self._refused = (ecdsa.BadSignatureError, MalformedPointError, ValueError, AssertionError)
        self._curves = {
            "P-256": ecdsa.NIST256p,
            "P-384": ecdsa.NIST384p,
            "P-521": ecdsa.NIST521p,
        }

    def verify_es256(self, key: PublicJwk, message: bytes, signature: bytes) -> None:
        check_es256_form(signature)
        try:
            public = self._ecdsa.VerifyingKey.from_string(key.x + key.y, self._ecdsa.NIST256p)
            public.verify(signature, message, hashlib.sha256, self._decode)
        except (*self._refused, TypeError) as error:  # a sum at infinity has no x to compare
            raise InvalidSignature("signature", "does not hold under this key (ES256)") from error

    def verify_ed25519(self, key: bytes, message: bytes, signature: bytes) -> None:
        check_ed25519_key(key, place="public key")
        _check_ed25519_form(signature)
        try:
            public = self._ecdsa.VerifyingKey.from_string(key, self._ecdsa.Ed25519)
            public.verify(signature, message)
        except self._refused as error:
            raise InvalidSignature("signature", "does not hold under this key (Ed25519)") from error

    def verify_ecdsa(
        self, curve: str, point: bytes, digest: str, message: bytes, signature: bytes
    ) -> None:
        """See Backend."""
        _check_ecdsa_form(curve, point, signature)
        try:
            public = self._ecdsa.VerifyingKey.from_string(point, self._curves[curve])
            hashed = hashlib.new(digest, message).digest()
            public.verify_digest(signature, hashed, self._decode, allow_truncate=True)
        except (*self._refused, TypeError) as error:  # a sum at infinity has no x to compare
            raise InvalidSignature(
                "signature", f"does not hold under this key ({curve})"
            ) from error


def load_backend(name: str | None = None) -> Backend:
    """The backend called ``name``, or `cryptography` where it can be imported, else `ecdsa`.

    Raises:
        ImportError: neither is installed.
        ValueError: there is none of that name.
    """
    if name not in (None, "cryptography", "ecdsa"):
        raise ValueError(f"no backend is called {name}")
    if name == "ecdsa":
        return _EcdsaBackend()
    try:
        return _CryptographyBackend()
    except ImportError:
        if name == "cryptography":
            raise
        return _EcdsaBackend()


@dataclass(frozen=True)
class Algorithm:
    """What members sign with; ``name`` is the ``alg`` of a JWS header (RFC 7515 §4.1.1).

    Its keys are of the curve ``crv``, its signatures have ``signature_bytes``. ``check_form`` (it
    takes a ``place`` too) raises InvalidSignature for bytes that are none; ``canonical`` gives, of
    the signatures that hold where one does, that which is valid on the chain; ``rule`` is what is
    said of any other.
    """

    name: str
    crv: str
    signature_bytes: int
    check_form: Callable[..., None]
    canonical: Callable[[bytes], bytes]
    rule: str
    holds: Callable[[Backend, PublicJwk, bytes, bytes], None]

    def verify(self, key: PublicJwk, message: bytes, signature: bytes, backend: Backend) -> None:
        """Raise InvalidSignature unless ``signature`` holds for ``message`` under ``key``."""
        if key.crv != self.crv:
            raise InvalidSignature("signature", f"{self.name} asks for a key of {self.crv}")
        self.holds(backend, key, message, signature)


def _verify_es256(backend: Backend, key: PublicJwk, message: bytes, signature: bytes) -> None:
    backend.verify_es256(key, message, signature)


ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm(
            name="ES256",
            crv="P-256",
            signature_bytes=64,
            check_form=check_es256_form,
            canonical=use_low_s,
            rule="s is high; on the chain only the low s is valid",
            holds=_verify_es256,
        ),
    )
}
"""What members may sign transactions and request tokens with, by name."""


def algorithm_named(name: Any, *, place: str) -> Algorithm:
    """The algorithm that a header's ``alg`` names; ``none`` is not one.

    Raises:
        InvalidSignature: the table has none of that name.
    """
    found = ALGORITHMS.get(name) if isinstance(name, str) else None
    if found is None:
        raise InvalidSignature(place, f"must be {' or '.join(ALGORITHMS)}")
    return found
