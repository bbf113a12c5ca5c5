"""Strict DER, X.509 certificates and signatures, for the second opinions on receipts.

asn1crypto decodes, cryptography checks signatures. asn1crypto takes BER, so what is not DER is
refused here first.
"""

from __future__ import annotations

import functools
import re

from asn1crypto import algos
from asn1crypto import x509 as asn1_x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from second_receipts_forms import Bad, need

__all__ = [
    "CURVES",
    "check_authority",
    "check_der",
    "children",
    "decoded",
    "hash_named",
    "read_certificate",
    "signature_holds",
    "strictly",
]

HASHES = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
LIBRARY = (ValueError, TypeError, LookupError, AttributeError, OverflowError)
LIBRARY += (UnsupportedAlgorithm,)
CHECKED = {"basic_constraints", "key_usage", "extended_key_usage"}
KNOWN = {*CHECKED, "subject_alt_name", "certificate_policies"}


def strictly(check):
    """What a library finds wrong is Bad too."""

    @functools.wraps(check)
    def checked(*arguments):
        try:
            return check(*arguments)
        except LIBRARY as error:
            raise Bad(f"{type(error).__name__}: {error}") from error

    return checked


# --- X.690 ----------------------------------------------------------------------------------------


def check_der(raw, depth=0):
    """One value in DER, and nothing behind it."""
    need(depth < 32, "nested too deep")
    tag, content, rest = split(raw)
    need(not rest, "bytes behind a value")
    if tag & 0x20:
        parts = children(raw)
        for part in parts:
            check_der(part, depth + 1)
        need(tag != 0x31 or parts == sorted(parts), "a SET OF out of order")
        need(tag in (0x30, 0x31) or tag & 0xC0, "a constructed form of what is primitive")
        return
    need(tag not in (0x10, 0x11), "a primitive form of what is constructed")
    check_primitive(tag, content)


def check_primitive(tag, content):
    if tag in (0x02, 0x0A):
        need(content, "an empty integer")
        short = len(content) > 1 and (
            (content[0] == 0 and content[1] < 0x80) or (content[0] == 0xFF and content[1] >= 0x80)
        )
        need(not short, "an integer that is not minimal")
    elif tag == 0x01:
        # All of them are DEFAULT FALSE where they stand in tokens and certificates.
        need(content == b"\xff", "a boolean that is not TRUE")
    elif tag == 0x05:
        need(not content, "NULL with content")
    elif tag == 0x03:
        need(content and content[0] < 8 and (len(content) > 1 or not content[0]), "bit string")
        need(not content[0] or not content[-1] & ((1 << content[0]) - 1), "unused bits are set")
    elif tag == 0x06:
        need(content and content[-1] < 0x80, "an object identifier that does not end")
        need(len(content) <= 64, "an object identifier of more than 64 bytes")
        starts = [0, *(place + 1 for place, byte in enumerate(content[:-1]) if byte < 0x80)]
        need(all(content[start] != 0x80 for start in starts), "object identifier is not minimal")


def children(raw):
    """The encodings of what a constructed value holds."""
    content, found = split(raw)[1], []
    while content:
        first = len(content) - len(split(content)[2])
        found.append(content[:first])
        content = content[first:]
    return found


def split(raw):
    need(len(raw) >= 2 and raw[0] & 0x1F != 0x1F and raw[0] != 0, "no value")
    tag, length, start = raw[0], raw[1], 2
    if length >= 0x80:
        count = length & 0x7F
        need(1 <= count <= 4 and len(raw) >= 2 + count, "length")
        length, start = int.from_bytes(raw[2 : 2 + count], "big"), 2 + count
        need(length >= 0x80 and length >> 8 * (count - 1), "length is not minimal")
    need(len(raw) >= start + length, "value is cut off")
    return tag, raw[start : start + length], raw[start + length :]


@strictly
def decoded(kind, raw):
    check_der(raw)
    return kind.load(raw, strict=True)


# --- signatures -----------------------------------------------------------------------------------


def hash_named(algorithm):
    name = algorithm["algorithm"].native
    need(name in HASHES, f"hash function {name}")
    need(algorithm["parameters"].native is None, "parameters of a hash function")
    return name


@strictly
def signature_holds(key, algorithm, signature, message, digest=None):
    """``algorithm`` is a SignedDigestAlgorithm, ``digest`` the hash function that it must have."""
    name, parameters = algorithm["algorithm"].native, algorithm["parameters"]
    if name == "rsassa_pss":
        need(isinstance(parameters, algos.RSASSAPSSParams), "PSS without parameters")
        need(parameters.copy().dump(force=True) == parameters.dump(), "a default is written out")
        named = hash_named(parameters["hash_algorithm"])
        mask = parameters["mask_gen_algorithm"]
        need(mask["algorithm"].native == "mgf1", "mask")
        need(hash_named(mask["parameters"]) == named, "hash function of the mask")
        need(parameters["trailer_field"].native == "trailer_field_bc", "trailer")
        salt = parameters["salt_length"].native
    elif name == "rsassa_pkcs1v15":
        named = digest
        need(named and parameters.dump() == b"\x05\x00", "rsaEncryption without NULL")
    else:
        named, _, kind = name.partition("_")
        need(named in HASHES and kind in ("ecdsa", "rsa"), f"algorithm {name}")
        need(kind == "ecdsa" or digest is None, "rsaEncryption is what a token has")
        whole = len(algorithm.dump()) - len(algorithm["algorithm"].dump())
        need(whole == (2 if kind == "ecdsa" else 4), "parameters of a signature algorithm")
    need(digest in (None, named), "another hash function")
    used = HASHES[named]()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            need(name.endswith("ecdsa") and isinstance(key.curve, CURVES), "curve or algorithm")
            key.verify(signature, message, ec.ECDSA(used))
            return
        need(isinstance(key, rsa.RSAPublicKey) and not name.endswith("ecdsa"), "kind of key")
        need(2048 <= key.key_size <= 8192, "size of an RSA key")
        need(key.public_numbers().e <= 65_537, "exponent of an RSA key")
        scheme = padding.PKCS1v15()
        if name == "rsassa_pss":
            scheme = padding.PSS(padding.MGF1(HASHES[named]()), salt)
        key.verify(signature, message, scheme, used)
    except InvalidSignature as error:
        raise Bad("a signature does not hold") from error


# --- certificates ---------------------------------------------------------------------------------


@functools.lru_cache(maxsize=256)
def read_certificate(raw):
    """A certificate that can be read. Raises Bad."""
    return Certificate(raw)


class Certificate:
    """A certificate that can be read. ``subject`` and ``issuer`` are bytes: names are compared and
    not looked into. ``extensions`` has (critical, value) by asn1crypto's names."""

    @strictly
    def __init__(self, raw):
        self.raw, made = raw, decoded(asn1_x509.Certificate, raw)
        self.tbs = tbs = made["tbs_certificate"]
        need(tbs["version"].native in ("v1", "v3"), "version")
        # asn1crypto tells a default that is written out from one that is not by its bytes alone.
        explicit = split(split(split(raw)[1])[1])[0] == 0xA0
        need(explicit == (tbs["version"].native != "v1"), "a default is written out")
        need(tbs["signature"].dump() == made["signature_algorithm"].dump(), "two algorithms")
        check_members(raw)
        self.validity = tuple(tbs["validity"][name].native for name in tbs["validity"])
        self.subject, self.issuer = tbs["subject"].dump(), tbs["issuer"].dump()
        self.serial, self.algorithm = tbs["serial_number"].native, made["signature_algorithm"]
        self.signature = made["signature_value"].native
        self.extensions = {}
        for extension in tbs["extensions"] or []:
            self.read_extension(extension)

    def read_extension(self, extension):
        name, critical = extension["extn_id"].native, extension["critical"].native
        need(name not in self.extensions and type(critical) is bool, "extension")
        value = None
        if name in CHECKED:
            raw = extension["extn_value"].contents
            check_der(raw)
            need(name != "key_usage" or raw[-1] & (1 << raw[2]), "a named bit too many")
            value = extension["extn_value"].parsed.native
        self.extensions[name] = critical, value

    def __eq__(self, other):
        return self.raw == other.raw

    def __hash__(self):
        return hash(self.raw)

    @functools.cached_property
    @strictly
    def key(self):
        return serialization.load_der_public_key(self.tbs["subject_public_key_info"].dump())

    def units(self):
        """The organizational units of the subject."""
        return [
            part["value"].native
            for relative in self.tbs["subject"].chosen
            for part in relative
            if part["type"].native == "organizational_unit_name"
        ]

    def get(self, name):
        """Whether the extension is critical, and its value; None where it is not there."""
        return self.extensions.get(name, (False, None))

    @strictly
    def check_issued_by(self, issuer):
        need(self.issuer == issuer.subject, "another issuer")
        signature_holds(issuer.key, self.algorithm, self.signature, self.tbs.dump())

    def check_critical(self):
        for name, (critical, _) in self.extensions.items():
            need(not critical or name in KNOWN, "an unknown critical extension")

    def check_valid(self, moment):
        """``moment`` has whole seconds."""
        begin, end = self.validity
        need(begin <= moment <= end, "a certificate is not valid at the time")


def check_members(raw):
    """asn1crypto takes some tags for others, and more members than there are."""
    need(tags(raw) == "303003", "members of a certificate")
    tbs, _, signature = children(raw)
    need(signature[len(signature) - len(split(signature)[1])] == 0, "signature of whole bytes")
    need(re.fullmatch("(a0)?023030303030(a3)?", tags(tbs)), "members of a certificate")
    last = children(tbs)[-1]
    if last[0] != 0xA3:
        return
    need(tags(last) == "30", "members of the extensions")
    for extension in children(children(last)[0]):
        need(re.fullmatch("06(01)?04", tags(extension)), "members of an extension")


def tags(raw):
    return "".join(f"{part[0]:02x}" for part in children(raw))


def check_authority(one, below, purpose):
    """``below`` is how many certificates stand between it and the first of the path."""
    constraints, usage = one.get("basic_constraints")[1], one.get("key_usage")[1]
    need(constraints is not None and constraints["ca"], "no authority")
    length = constraints["path_len_constraint"]
    need(length is None or below <= length, "pathLenConstraint")
    need(usage is None or "key_cert_sign" in usage, "an authority that may not sign")
    purposes = one.get("extended_key_usage")[1]
    allowed = {purpose, "any_extended_key_usage"}
    fits = purpose is None or purposes is None or allowed & set(purposes)
    need(fits, "purposes of an authority")
