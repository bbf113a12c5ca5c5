"""A second opinion on receipts of REST services (anchor-rest.md); SM2 and SM3 with gmssl-pyx."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from string import Formatter

import gmssl_pyx
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from second_receipts_forms import (
    Bad,
    NothingTrusted,
    array,
    der_integers,
    digest_of,
    document_of,
    exactly,
    from_base64,
    from_hex,
    loads,
    need,
    p256_holds,
    sha256,
    text,
)

__all__ = ["read_trusted", "verify"]

PUBLIC = ("ecdsa-p256-sha256", "rsa-pkcs1-sha256", "sm2-sm3")
SECRET = ("hmac-sha256", "hmac-sha1", "hmac-sm3", "salted-sha256", "salted-sm3", "none")
FIELD = re.compile("[a-z][a-z0-9_]{0,39}")
NAME = re.compile("[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
# GB/T 32918.5: p, a, b, n, G
SM2_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
SM2_A = SM2_P - 3
SM2_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
SM2_N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
SM2_G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)([T ])(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(.*)", re.ASCII)


# --- the trust file -------------------------------------------------------------------------------


def read_trusted(entry):
    """Raises Bad where an entry of the trust file is not of its form."""
    need(isinstance(entry, dict) and entry.get("algorithm") in PUBLIC + SECRET, "algorithm")
    public = entry["algorithm"] in PUBLIC
    if public:
        names = "public_key encoding form text digest time"
        sm2 = " user_id" if entry["algorithm"] == "sm2-sm3" else ""
        exactly(entry, f"kind name operator algorithm {names}", f"hashed expects serial{sm2}")
        read_public(entry)
    else:
        exactly(entry, "kind name operator algorithm")
    need(isinstance(entry["name"], str) and NAME.fullmatch(entry["name"]), "name")
    text(entry["operator"], 200)


def read_public(entry):
    key_of(entry)
    need(entry["encoding"] in ("hex", "HEX", "base64", "base64url"), "encoding")
    forms = ["raw"] if entry["algorithm"] == "rsa-pkcs1-sha256" else ["der", "raw"]
    need(entry["form"] in forms, "form")
    need(entry.get("hashed", "sm3") in ("sha256", "sm3"), "hashed")
    text(entry.get("user_id", "1"), 1000)
    fields = set(Reading(entry["text"]).fields)
    digest, time = exactly(entry["digest"], "field is"), exactly(entry["time"], "field form")
    need(digest["is"] in list(FORMS) and time["form"] in list(TIMES), "is or form")
    expects = entry.get("expects", {})
    need(isinstance(expects, dict), "expects")
    for values in expects.values():
        need(all(isinstance(value, str) for value in array(values, 20, 1)), "expects")
    named = [digest["field"], time["field"], *expects]
    named += [entry["serial"]] if "serial" in entry else []
    need(all(isinstance(name, str) and name in fields for name in named), "no field of the text")


def key_of(entry):
    if entry["algorithm"] == "rsa-pkcs1-sha256":
        return rsa_key(entry["public_key"])
    raw = from_hex(entry["public_key"], 64, 64)
    x, y = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    if entry["algorithm"] == "sm2-sm3":
        need(max(x, y) < SM2_P and (y * y - x**3 - SM2_A * x - SM2_B) % SM2_P == 0, "no point")
        return raw
    try:
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError as error:
        raise Bad("no point of P-256") from error


def rsa_key(value):
    spki = from_base64(value, 16_384)
    try:
        key = serialization.load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Bad("no public key") from error
    need(isinstance(key, rsa.RSAPublicKey) and 2048 <= key.key_size <= 8192, "no RSA key")
    made = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    need(made == spki, "the key's encoding")
    return key


class Reading:
    """How a text is read."""

    def __init__(self, value):
        need(isinstance(value, dict), "no object")
        self.parts = self.pointers = None
        if "parts" in value:
            exactly(value, "parts separator")
            self.parts = [read_part(part) for part in array(value["parts"], 50, 1)]
            self.separator = text(value["separator"], 20)
            beside = "".join(before + after for before, _, after in self.parts)
            need(not set(self.separator) & set(beside), "the separator stands in a part")
            self.fields = [field for _, field, _ in self.parts if field is not None]
        else:
            self.pointers = exactly(value, "pointers")["pointers"]
            need(isinstance(self.pointers, dict) and 1 <= len(self.pointers) <= 50, "pointers")
            for pointer in self.pointers.values():
                good = (
                    isinstance(pointer, str)
                    and len(pointer) <= 300
                    and re.fullmatch("(/([^~]|~[01])*)?", pointer)
                )
                need(good, "no pointer")
            self.fields = list(self.pointers)
        need(all(FIELD.fullmatch(field) for field in self.fields), "name of a field")

    def read(self, signed):
        return self.cut(signed) if self.parts else self.follow(signed)

    def cut(self, signed):
        pieces = signed.split(self.separator)
        need(len(pieces) == len(self.parts), "number of pieces")
        found = {}
        for piece, (before, field, after) in zip(pieces, self.parts):
            if field is None:
                need(piece == before, "a piece")
                continue
            need(len(piece) >= len(before) + len(after), "a piece")
            need(piece.startswith(before) and piece.endswith(after), "a piece")
            value = piece[len(before) : len(piece) - len(after)]
            need(not set(value) & set(self.separator), "the separator stands in a value")
            need(found.setdefault(field, value) == value, "two values of one field")
        return found

    def follow(self, signed):
        document = loads(signed, parse_int=Digits)
        return {field: point_at(document, pointer) for field, pointer in self.pointers.items()}


class Digits(str):
    """An integer as it is written."""

    def __new__(cls, digits):
        need(len(digits.lstrip("-")) <= 19, "an integer of too many digits")
        return super().__new__(cls, digits)


def read_part(part):
    text(part, 500, 0)
    try:
        parsed = list(Formatter().parse(part))
    except ValueError as error:
        raise Bad(f"no part: {error}") from error
    sides, fields = [""], []
    for literal, field, form, conversion in parsed:
        sides[-1] += literal
        if field is not None:
            need(form == "" and conversion is None, "no field")
            fields.append(field)
            sides.append("")
    need(len(fields) <= 1, "two fields in a part")
    return (sides[0], fields[0], sides[1]) if fields else (sides[0], None, "")


def point_at(value, pointer):
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            need(re.fullmatch("0|[1-9][0-9]{0,5}", name) and int(name) < len(value), "no item")
            value = value[int(name)]
        else:
            need(isinstance(value, dict) and name in value, "no member")
            value = value[name]
    need(isinstance(value, str), "neither text nor an integer")
    return str(value)


# --- digests and times ----------------------------------------------------------------------------


def sm3_of(point):
    return bytes(gmssl_pyx.sm3_hash(document_of(point)))


def base64_of(raw):
    return base64.b64encode(raw).decode()


FORMS = {
    "digest": lambda point: digest_of(point).hex(),
    "digest_upper": lambda point: digest_of(point).hex().upper(),
    "digest_base64": lambda point: base64_of(digest_of(point)),
    "document": lambda point: document_of(point).decode(),
    "document_base64": lambda point: base64_of(document_of(point)),
    "document_sm3": lambda point: sm3_of(point).hex(),
    "document_sm3_base64": lambda point: base64_of(sm3_of(point)),
}


def moment(parts, offset, end):
    """Milliseconds at which a second begins, plus ``end``."""
    try:
        begins = datetime(*map(int, parts), tzinfo=UTC)
    except ValueError as error:
        raise Bad("no time") from error
    since = begins - timedelta(minutes=offset) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(seconds=1) * 1000 + end


def digits(value):
    need(re.fullmatch("0|[1-9][0-9]{0,15}", value), "no digits")
    return int(value)


def china(value):
    found = TIME.fullmatch(value)
    need(found and found[4] == " " and found[8] is None and not found[9], "no time")
    return moment((*found.group(1, 2, 3), *found.group(5, 6, 7)), 480, 999)


def china_compact(value):
    need(re.fullmatch("[0-9]{14}", value), "no time")
    parts = (value[:4], *(value[at : at + 2] for at in range(4, 14, 2)))
    return moment(parts, 480, 999)


def rfc3339(value):
    found = TIME.fullmatch(value)
    need(found and found[4] == "T", "no time")
    zone = re.fullmatch(r"Z|([+-])([01][0-9]|2[0-3]):([0-5][0-9])", found[9])
    need(zone, "no zone")
    offset = 0
    if zone[1]:
        offset = (int(zone[2]) * 60 + int(zone[3])) * (1 if zone[1] == "+" else -1)
    fraction = found[8]
    if fraction is None:
        end = 999
    elif len(fraction) <= 3:
        end = int(fraction.ljust(3, "9"))
    else:
        end = -(-int(fraction) // 10 ** (len(fraction) - 3))
    return moment((*found.group(1, 2, 3), *found.group(5, 6, 7)), offset, end)


TIMES = {
    "milliseconds": digits,
    "seconds": lambda value: digits(value) * 1000 + 999,
    "china": china,
    "china_compact": china_compact,
    "rfc3339": rfc3339,
}


# --- the receipt ----------------------------------------------------------------------------------


def verify(receipt, point, trust):
    need(isinstance(receipt, dict), "no object")
    signed = "answer" not in receipt
    exactly(receipt, "service signed signature" if signed else "service answer")
    text(receipt["service"], 40)
    said = text(receipt["signed" if signed else "answer"], 65_536)
    if signed:
        text(receipt["signature"], 2048)
    for entry in trust["anchors"]:
        if entry["kind"] == "rest" and entry["name"] == receipt["service"]:
            break
    else:
        raise NothingTrusted("the service is not named")
    if entry["algorithm"] not in PUBLIC:
        need(any(form(point) in said for form in FORMS.values()), "of another point")
        raise NothingTrusted("only who shares a secret can check it")
    need(signed, "it is not signed")
    message = said.encode("utf-8", "strict") if encodable(said) else need(False, "a surrogate")
    if "hashed" in entry:
        hashed = sha256 if entry["hashed"] == "sha256" else gmssl_pyx.sm3_hash
        message = bytes(hashed(message)).hex().encode()
    check_signature(entry, message, receipt["signature"])
    fields = Reading(entry["text"]).read(said)
    digest, time = entry["digest"], entry["time"]
    need(fields[digest["field"]] == FORMS[digest["is"]](point), "of another point")
    for name, values in entry.get("expects", {}).items():
        need(fields[name] in values, f"{name} is not what was expected")
    need(TIMES[time["form"]](fields[time["field"]]) > 0, "no time after 1970")


def encodable(value):
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in value)


def check_signature(entry, message, written):
    raw = unwritten(entry["encoding"], written)
    if entry["algorithm"] == "rsa-pkcs1-sha256":
        check_rsa(key_of(entry), message, raw)
        return
    if entry["form"] == "raw":
        need(len(raw) == 64, "r and s have 64 bytes")
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        raw = utils.encode_dss_signature(r, s)
    r, s = der_integers(raw)
    if entry["algorithm"] == "ecdsa-p256-sha256":
        p256_holds(key_of(entry), message, raw)
        return
    need(0 < r < SM2_N and 0 < s < SM2_N and (r + s) % SM2_N, "r, s")
    user, key = entry.get("user_id", "1234567812345678").encode(), key_of(entry)
    z = (8 * len(user)).to_bytes(2, "big") + user
    for number in (SM2_A, SM2_B, *SM2_G):
        z += number.to_bytes(32, "big")
    e = bytes(gmssl_pyx.sm3_hash(bytes(gmssl_pyx.sm3_hash(z + key)) + message))
    try:
        need(gmssl_pyx.sm2_verify_sm3_digest(key, e, raw), "an SM2 signature does not hold")
    except gmssl_pyx.GmsslInnerError as error:
        raise Bad("an SM2 signature does not hold") from error


def check_rsa(key, message, signature):
    need(len(signature) == key.key_size // 8, "length of the signature")
    try:
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise Bad("an RSA signature does not hold") from error


def unwritten(encoding, written):
    if encoding == "hex":
        return from_hex(written, 2048)
    if encoding == "HEX":
        need(written == written.upper() and written.isascii(), "no upper-case hex")
        return from_hex(written.lower(), 2048)
    if encoding == "base64":
        return from_base64(written, 2048)
    need(re.fullmatch("[A-Za-z0-9_-]+", written), "no base64url")
    plain = written.replace("-", "+").replace("_", "/")
    return from_base64(plain + "=" * (-len(plain) % 4), 2048)
