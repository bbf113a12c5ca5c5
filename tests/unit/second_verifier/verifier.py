"""A second verifier of evidence bundles, written from ``docs/spec`` and from nothing else.

It imports no code of the node: only the standard library, `cryptography` for the two signature
algorithms, and receipts.py beside it for what outside chains vouch for. The tests beside it hold it
against the node's own verifier. It says less than that one: for each of the 17 steps ``passed``,
``failed`` or ``not checked``, and why.
"""

import base64
import hashlib
import importlib.util
import json
import re
from itertools import pairwise
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

_BESIDE = importlib.util.spec_from_file_location(
    "second_receipts", Path(__file__).with_name("receipts.py")
)
receipts = importlib.util.module_from_spec(_BESIDE)
_BESIDE.loader.exec_module(receipts)

SCHEMAS = Path(__file__).resolve().parents[3] / "docs" / "spec" / "schemas"
KEYWORDS = {"$schema", "$id", "$defs", "$ref", "title", "description", "type", "const", "enum"}
KEYWORDS |= {"minimum", "maximum", "minLength", "maxLength", "pattern", "minItems", "maxItems"}
KEYWORDS |= {"items", "uniqueItems", "properties", "required", "additionalProperties"}
KEYWORDS |= {"oneOf", "not"}
MOST = 2**53 - 1
HASH = re.compile(r"[0-9a-f]{64}")
CHAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")
MEMBER = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
SUB = re.compile(r"(anchor|case|consortium|record|seal):([a-z0-9-]{1,40}):[A-Za-z0-9._-]{1,64}")
DIGEST = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
CODE = re.compile(r"CZ([0-9]{12})([0-9])(?:-([1-9][0-9]{0,8}))?")
JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
PAYLOAD = {
    "cid": CHAIN_ID,
    "iss": MEMBER,
    "jti": re.compile(r"[A-Za-z0-9._:-]{1,128}"),
    "sub": SUB,
    "type": re.compile(r"[a-z]{1,24}\.[a-z_]{1,32}"),
}
ROLES = ["auditor", "certificate_authority", "court", "identity_provider", "notary", "operator"]
ROLES += ["platform", "police", "seal_maker", "status_authority"]


class Refused(Exception):
    """Something is not as the specification says."""


class NotChecked(Exception):
    """There is nothing that a step could check."""


def need(condition, why):
    if not condition:
        raise Refused(why)


# --- encodings.md ---------------------------------------------------------------------------------


def unique(pairs):
    need(len({name for name, _ in pairs}) == len(pairs), "two members of one name")
    return dict(pairs)


def refuse(text):
    raise Refused(f"{text[:20]} is no integer")


def integer(text):
    need(len(text) <= 17 and text != "-0" and abs(int(text)) <= MOST, "integer out of range")
    return int(text)


def check_tree(value, depth=1):
    if isinstance(value, str):
        need(not any(0xD800 <= ord(character) <= 0xDFFF for character in value), "surrogate")
    elif isinstance(value, (dict, list)):
        need(depth <= 16, "nested too deep")
        need(not isinstance(value, dict) or all(map(str.isascii, value)), "name outside ASCII")
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            check_tree(item, depth + 1)
    else:
        need(type(value) is int, "true, false and null are not used")


def read_json(data, most):
    need(len(data) <= most, "too long")
    hooks = {"object_pairs_hook": unique, "parse_float": refuse, "parse_constant": refuse}
    try:
        text = data.decode("utf-8")
        need(text[:1] != "\ufeff", "byte order mark")
        value = json.loads(text, parse_int=integer, **hooks)
    except (ValueError, RecursionError) as error:
        raise Refused(f"no JSON: {error}") from error
    check_tree(value)
    return value


def canonical(value):
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8")


def read_canonical(data, most):
    value = read_json(data, most)
    need(isinstance(value, dict) and canonical(value) == data, "not canonical")
    return value


def from_base64url(text):
    need(isinstance(text, str) and re.fullmatch(r"[A-Za-z0-9_-]*", text), "no base64url")
    need(len(text) % 4 != 1, "no base64url")
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    need(to_base64url(raw) == text, "base64url is not canonical")
    return raw


def to_base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def members(value, required, optional=""):
    need(isinstance(value, dict), "no object")
    names, asked = set(value), set(required.split())
    need(asked <= names <= asked | set(optional.split()), f"members: {sorted(names)[:20]}")
    return value


def number(value, least=0, most=MOST):
    need(type(value) is int and least <= value <= most, "integer out of bounds")
    return value


def array(value, most, least=0):
    need(isinstance(value, list) and least <= len(value) <= most, "array of another length")
    return value


def text(value, most, least=1):
    need(isinstance(value, str) and least <= len(value) <= most, "text of another length")
    return value


def match(value, pattern):
    need(isinstance(value, str) and pattern.fullmatch(value), "text of another form")
    return value


def hashes_of(path):
    return [bytes.fromhex(item) for item in path]


# --- schemas/ -------------------------------------------------------------------------------------

LOADED = {}


def conform(value, name):
    """Check a value against one of the specification's JSON Schemas."""
    if name not in LOADED:
        LOADED[name] = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    conform_to(value, LOADED[name], LOADED[name]["$defs"])


def conform_to(value, schema, named):
    unknown = set(schema) - KEYWORDS
    assert not unknown, f"no such keyword here: {unknown}"
    if "$ref" in schema:
        conform_to(value, named[schema["$ref"].rpartition("/")[2]], named)
    kinds = {"object": dict, "array": list, "string": str, "integer": int}
    need(type(value) is kinds.get(schema.get("type"), type(value)), "value of another type")
    need(value == schema.get("const", value) and value in schema.get("enum", [value]), "value")
    if type(value) is int:
        need(schema.get("minimum", value) <= value <= schema.get("maximum", value), "out of bounds")
    elif type(value) is str:
        least, most = schema.get("minLength", 0), schema.get("maxLength", len(value))
        need(least <= len(value) <= most, "text of another length")
        need(re.search(schema.get("pattern", ""), value), "text of another form")
    elif type(value) is list:
        least, most = schema.get("minItems", 0), schema.get("maxItems", len(value))
        need(least <= len(value) <= most, "array of another length")
        for item in value if "items" in schema else []:
            conform_to(item, schema["items"], named)
        need(not schema.get("uniqueItems") or len(set(value)) == len(value), "an item twice")
    elif "properties" in schema:
        free = " ".join(value) if schema.get("additionalProperties", True) else ""
        members(value, " ".join(schema["required"]), " ".join([*schema["properties"], free]))
        for name in set(value) & set(schema["properties"]):
            conform_to(value[name], schema["properties"][name], named)
    if "oneOf" in schema:
        need(sum(conforms(value, option, named) for option in schema["oneOf"]) == 1, "no variant")
    if "not" in schema:
        need(any(name not in value for name in schema["not"]["required"]), "members beside others")


def conforms(value, schema, named):
    try:
        conform_to(value, schema, named)
    except Refused:
        return False
    return True


def sha256(data):
    return hashlib.sha256(data).digest()


# --- signatures.md --------------------------------------------------------------------------------

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
Q, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, Q) % Q
Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
SMALL = {0, 1, Q - 1, Y8, Q - Y8}


def p256_key(jwk):
    members(jwk, "crv kty x y")
    need((jwk["crv"], jwk["kty"]) == ("P-256", "EC"), "no P-256 key")
    x, y = (from_base64url(jwk[name]) for name in "xy")
    need(len(x) == len(y) == 32, "coordinates have 32 bytes")
    a, b = int.from_bytes(x, "big"), int.from_bytes(y, "big")
    need(max(a, b) < P and (b * b - a**3 + 3 * a - B) % P == 0, "not on P-256")
    return a, b


def thumbprint(jwk):
    return to_base64url(sha256(canonical(jwk)))


def verify_es256(key, message, signature):
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        public = ec.EllipticCurvePublicNumbers(*key, ec.SECP256R1()).public_key()
        public.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError) as error:
        raise Refused("ES256 signature does not hold") from error


def ed_add(one, other):
    (x1, y1), (x2, y2) = one, other
    t = D * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + x2 * y1) * pow(1 + t, -1, Q) % Q,
        (y1 * y2 + x1 * x2) * pow(1 - t, -1, Q) % Q,
    )


KNOWN_KEYS = set()


def ed25519_bytes(jwk):
    members(jwk, "crv kty x")
    need((jwk["crv"], jwk["kty"]) == ("Ed25519", "OKP"), "no Ed25519 key")
    raw = from_base64url(jwk["x"])
    need(len(raw) == 32, "an Ed25519 key has 32 bytes")
    return raw


def ed25519_key(jwk):
    raw = ed25519_bytes(jwk)
    check_ed25519(raw)
    return raw


def check_ed25519(raw):
    if raw in KNOWN_KEYS:
        return
    value = int.from_bytes(raw, "little")
    sign, y = value >> 255, value % 2**255
    need(y < Q and y not in SMALL, "key out of range or of small order")
    square = (y * y - 1) * pow(D * y * y + 1, -1, Q) % Q
    x = pow(square, (Q + 3) // 8, Q)
    if (x * x - square) % Q:
        x = x * pow(2, (Q - 1) // 4, Q) % Q
    need((x * x - square) % Q == 0, "no point of the curve")
    point, total, scalar = (Q - x if x % 2 != sign else x, y), (0, 1), L
    while scalar:
        total = ed_add(total, point) if scalar & 1 else total
        point, scalar = ed_add(point, point), scalar >> 1
    need(total == (0, 1), "key not of the prime-order group")
    KNOWN_KEYS.add(raw)


def verify_ed25519(key, message, signature):
    y = int.from_bytes(signature[:32], "little") % 2**255
    need(y < Q and y not in SMALL, "R out of range or of small order")
    need(int.from_bytes(signature[32:], "little") < L, "S out of range")
    try:  # without the cofactor: this library computes [S]B - [k]A and compares its bytes with R
        ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise Refused("Ed25519 signature does not hold") from error


receipts.rekor.verify_ed25519, receipts.rekor.check_ed25519 = verify_ed25519, check_ed25519


def any_point(raw):
    value = int.from_bytes(raw, "little")
    sign, y = value >> 255, value % 2**255 % Q
    square = (y * y - 1) * pow(D * y * y + 1, -1, Q) % Q
    x = pow(square, (Q + 3) // 8, Q)
    if (x * x - square) % Q:
        x = x * pow(2, (Q - 1) // 4, Q) % Q
    need((x * x - square) % Q == 0, "no point of the curve")
    return (-x % Q if x % 2 != sign else x), y


def times(scalar, point):
    total = (0, 1)
    while scalar:
        total = ed_add(total, point) if scalar & 1 else total
        point, scalar = ed_add(point, point), scalar >> 1
    return total


def verify_vote(key, message, signature):
    try:
        verify_ed25519(key, message, signature)
        return
    except Refused:
        need(len(signature) == 64, "an Ed25519 signature has 64 bytes")
    s = int.from_bytes(signature[32:], "little")
    need(s < L, "S out of range")
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    right = ed_add(any_point(signature[:32]), times(k, any_point(key)))
    base = any_point((4 * pow(5, -1, Q) % Q).to_bytes(32, "little"))
    need(times(8, times(s, base)) == times(8, right), "a vote's signature does not hold")


# --- log.md, state-map.md -------------------------------------------------------------------------


def leaf(data):
    return sha256(b"\x00" + data)


def node(left, right):
    return sha256(b"\x01" + left + right)


def tree_root(items):
    row = [leaf(item) for item in items]

    def root(part):
        if len(part) < 2:
            return part[0] if part else sha256(b"")
        split = 1 << (len(part) - 1).bit_length() - 1
        return node(root(part[:split]), root(part[split:]))

    return root(row)


def verify_inclusion(hashed, index, size, path, root):
    need(index < size, "index is not below the size")
    fn, sn, r = index, size - 1, hashed
    for p in path:
        need(sn, "path too long")
        if fn & 1 or fn == sn:
            r = node(p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0 and r == root, "path does not lead to the root")


def verify_consistency(first, second, proof, first_root, second_root):
    need(0 < first <= second, "sizes")
    if first == second:
        need(not proof and first_root == second_root, "one size, two roots")
        return
    proof = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    need(proof, "empty proof")
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        need(sn, "proof too long")
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0 and fr == first_root and sr == second_root, "roots are not connected")


def nibble(path, depth):
    return path[depth // 2] >> 4 if depth % 2 == 0 else path[depth // 2] & 15


def verify_state_proof(proof, root):
    k, steps = sha256(proof["key"].encode("ascii")), proof["path"]
    below = None
    if "value" in proof:
        below = sha256(b"\x02" + k + sha256(proof["value"].encode("utf-8")))
    elif "other" in proof:
        other = bytes.fromhex(proof["other"]["key_hash"])
        need(other != k, "the other leaf is this key's")
        need(all(nibble(other, d) == nibble(k, d) for d in range(len(steps))), "other place")
        below = sha256(b"\x02" + other + bytes.fromhex(proof["other"]["value_hash"]))
    elif not steps:
        need(root == bytes(32), "the map is not empty")
        return
    for depth in range(len(steps) - 1, -1, -1):
        bitmap, bit = steps[depth]["bitmap"], 1 << nibble(k, depth)
        children = [bytes.fromhex(sibling) for sibling in steps[depth]["siblings"]]
        need((below is not None) == bool(bitmap & bit), "bitmap")
        if below is not None:
            children.insert(bin(bitmap & (bit - 1)).count("1"), below)
        need(len(children) == bin(bitmap).count("1"), "number of children")
        below = sha256(b"\x03" + bitmap.to_bytes(2, "big") + b"".join(children))
    need(below == root, "proof does not lead to the root")


# --- block.md -------------------------------------------------------------------------------------


def uvarint(value):
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def vi(field, value):
    return uvarint(field << 3) + uvarint(value % 2**64) if value else b""


def by(field, value, always=False):
    return uvarint(field << 3 | 2) + uvarint(len(value)) + value if value or always else b""


def timestamp(time):
    return vi(1, time["seconds"]) + vi(2, time["nanos"])


def block_id(value):
    parts = vi(1, value["parts_total"]) + by(2, bytes.fromhex(value["parts_hash"]))
    return by(1, bytes.fromhex(value["hash"])) + by(2, parts, always=True)


HEADER_HASHES = "last_commit_hash data_hash validators_hash next_validators_hash consensus_hash "
HEADER_HASHES += "app_hash last_results_hash evidence_hash"


def header_hash(header):
    version = vi(1, header["version"]["block"]) + vi(2, header["version"]["app"])
    fields = [version, by(1, header["chain_id"].encode("utf-8")), vi(1, header["height"])]
    fields += [timestamp(header["time"]), block_id(header["last_block_id"])]
    names = [*HEADER_HASHES.split(), "proposer_address"]
    return tree_root([*fields, *(by(1, bytes.fromhex(header[name])) for name in names)])


def address(key):
    return sha256(key)[:20]


def in_order(validators):
    return sorted(validators, key=lambda item: (-item[1], address(item[0])))


def read_set(value):
    validators = [(ed25519_bytes(item["public_key"]), item["power"]) for item in value]
    need(in_order(validators) == validators, "set out of order")
    return validators


def set_hash(validators):
    return tree_root(by(1, by(1, key)) + vi(2, power) for key, power in validators)


def verify_commit(header, commit, validators):
    need(set_hash(validators).hex() == header["validators_hash"], "another set")
    need(commit["height"] == header["height"], "commit of another height")
    need(commit["block_id"]["hash"] == header_hash(header).hex(), "commit of another block")
    need(len(commit["signatures"]) == len(validators), "places")
    signed = 0
    for vote, (key, power) in zip(commit["signatures"], validators):
        if vote["flag"] == 1:
            continue
        need(vote["address"] == address(key).hex(), "vote of another validator")
        message = b"\x08\x02\x11" + commit["height"].to_bytes(8, "little")
        if commit["round"]:
            message += b"\x19" + commit["round"].to_bytes(8, "little")
        message += by(4, block_id(commit["block_id"])) + by(5, timestamp(vote["time"]), True)
        message += by(6, header["chain_id"].encode("utf-8"))
        message = uvarint(len(message)) + message
        verify_vote(key, message, bytes.fromhex(vote["signature"]))
        signed += power
    need(3 * signed > 2 * sum(power for _, power in validators), "too little power")


# --- genesis.md, trust.md -------------------------------------------------------------------------


def read_genesis(document):
    value = read_canonical(document, 65_535)
    conform(value, "genesis")
    before = value.get("predecessor", {}).get("chain_id")
    need(before != value["chain_id"], "chain id of the predecessor")
    need(value["rules_version"] == 1, "made under other rules")
    jwks, signing = [], []
    for member in value["members"]:
        need(member["roles"] == [role for role in ROLES if role in member["roles"]], "roles")
        need(all(key.get("to", MOST + 1) > key["from"] for key in member["keys"]), "to")
        jwks += [key["jwk"] for key in member["keys"]] + [member["recovery_key"]]
        if "checkpoint_key" in member:
            signing.append(ed25519_key(member["checkpoint_key"]))
    need(len(set(signing)) == len(signing), "a checkpoint key twice")
    ids, keys = [member["id"] for member in value["members"]], [p256_key(jwk) for jwk in jwks]
    need(len(set(ids)) == len(ids) and len(set(keys)) == len(keys), "an id or key twice")
    runs = [item["member"] for item in value["validators"]]
    need({*runs, *value["parameters"]["custodians"]} <= set(ids), "names no member")
    validators = [(ed25519_key(item["public_key"]), item["power"]) for item in value["validators"]]
    need(len({key for key, _ in validators}) == len(validators), "a validator's key twice")
    for pattern in value["parameters"]["sign_no_patterns"]:
        ranges = re.findall(r"\{([0-9]+),([0-9]+)\}", pattern)
        need(all(int(least) <= int(most) for least, most in ranges), "m is above n")
        variable = pattern.count("+") + sum(int(least) < int(most) for least, most in ranges)
        need(variable <= 3, "too many variable quantifiers")
    return value, in_order(validators)


def read_trust(data):
    value = read_json(data, 1_048_576)
    conform(value, "trust")
    try:
        receipts.check_trusted(value)
    except (receipts.Bad, Refused) as error:
        raise Refused(f"trust file: {error}") from error
    return value


# --- transaction.md, disclosure.md, entry.md ------------------------------------------------------


class Transaction:
    """A transaction whose form is good."""

    def __init__(self, jwt):
        need(len(jwt) <= 16_384 and jwt.count(".") == 2, "no transaction")
        header, payload, self.signature = (from_base64url(part) for part in jwt.split("."))
        self.signed, self.id = jwt.rpartition(".")[0].encode("ascii"), sha256(jwt.encode("ascii"))
        header = members(read_json(header, 16_384), "alg kid typ")
        need((header["alg"], header["typ"]) == ("ES256", "evidence+sd-jwt"), "alg or typ")
        self.kid = match(header["kid"], DIGEST)
        r, s = (int.from_bytes(part, "big") for part in (self.signature[:32], self.signature[32:]))
        need(len(self.signature) == 64 and 0 < r < N and 0 < s <= (N - 1) // 2, "r, s")
        names = "cid data exp iat iss jti occurred_at source sub type"
        self.payload = members(read_json(payload, 16_384), names, "_sd _sd_alg collected_at")
        self.check_payload()

    def check_payload(self):
        payload = self.payload
        for name, pattern in PAYLOAD.items():
            match(payload[name], pattern)
        source = members(payload["source"], "system method")
        text(source["system"], 200)
        match(source["method"], re.compile(r"[a-z][a-z0-9_.-]{0,39}"))
        for name in ("iat", "exp"):
            number(payload[name], 0, 253_402_300_799)
        number(payload["occurred_at"], 0, 253_402_300_799_999)
        number(payload.get("collected_at", payload["occurred_at"]), payload["occurred_at"])
        number(payload.get("collected_at", 0), 0, 253_402_300_799_999)
        longest = 2_592_000 if source["method"] == "ferry" else 86_400
        need(0 < payload["exp"] - payload["iat"] <= longest, "exp")
        need(isinstance(payload["data"], dict), "data")
        check_nested(payload["data"])
        need(("_sd" in payload) == ("_sd_alg" in payload), "_sd without _sd_alg")
        self.digests = array(payload["_sd"], 64, 1) if "_sd" in payload else []
        need(payload.get("_sd_alg", "sha-256") == "sha-256", "_sd_alg")
        need(len({match(item, DIGEST) for item in self.digests}) == len(self.digests), "_sd")


RESERVED = {"_sd", "_sd_alg", "..."}


def check_nested(value):
    if isinstance(value, dict):
        need(not RESERVED & set(value), "nested digests")
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, (dict, list)):
            check_nested(item)


def check_disclosures(encoded, payload):
    names = []
    for item in encoded:
        need(len(item) <= 16_384, "disclosure too long")
        parts = array(read_json(from_base64url(item), 16_384), 3, 3)
        need(isinstance(parts[0], str) and len(parts[0]) >= 22, "salt")
        match(parts[1], re.compile("[a-z][a-z0-9_]{0,63}"))
        need(parts[1] not in {*PAYLOAD, "exp", "iat", "occurred_at", "collected_at"}, "name")
        need(parts[1] not in ("source", "data") and parts[1] not in payload["data"], "name")
        check_nested(parts[2:])
        names.append(parts[1])
    need(len(set(names)) == len(names), "two disclosures of one name")


def read_code(code):
    found = CODE.fullmatch(match(code, CODE))
    p = 10
    for digit in found[1]:
        p = 2 * ((p + int(digit)) % 10 or 10) % 11
    need((11 - p) % 10 == int(found[2]), "check digit")
    return found[1] + found[2], found[3]


class Entry:
    """An entry whose form is good, and its transaction."""

    def __init__(self, bundled):
        data = bundled["entry"].encode("utf-8")
        value = members(read_canonical(data, 32_768), "code facts height prev time tx v")
        need(value["v"] == 1, "v")
        self.digits, self.ordinal = read_code(value["code"])
        need(self.ordinal is not None, "code without ordinal")
        need(isinstance(value["facts"], dict), "facts")
        need(all(type(fact) in (int, str) for fact in value["facts"].values()), "facts")
        self.height, self.time = number(value["height"]), number(value["time"])
        self.prev = value["prev"] and match(value["prev"], HASH)
        need(isinstance(self.prev, str), "prev")
        self.tx = Transaction(match(value["tx"], JWT))
        self.leaf, self.index = leaf(data), bundled["index"]
        self.path, self.path_as_of = bundled["path"], bundled["path_as_of"]
        self.disclosures = bundled["disclosures"]


# --- bundle.md: the 17 steps ----------------------------------------------------------------------


class Verification:
    """One bundle under one trust file. Each step is a method; `STEPS` says on which it rests."""

    def __init__(self, data, trust):
        self.data, self.trust = data, trust
        self.known, self.roots, self.state, self.used_sets = {}, {}, {}, []
        self.parts = []

    def bundle_form(self):
        self.bundle = bundle = read_json(self.data, 67_108_864)
        conform(bundle, "bundle")
        self.chain = bundle["chain"]
        self.chains = [*bundle["predecessors"], self.chain]
        count = sum(len(item) for chain in self.chains for item in chain["validator_sets"])
        need(count <= 100_000, "too many validators")
        self.sets = [[read_set(item) for item in chain["validator_sets"]] for chain in self.chains]
        for chain in self.chains:
            for name in ("headers", "commits", "roots"):
                heights = [item["height"] for item in chain[name]]
                need(all(a < b for a, b in pairwise(heights)), f"order of {name}")
        keys = [proof["key"] for proof in bundle["state"]]
        need(len(set(keys)) == len(keys), "a state proof twice")
        self.last = self.chain["roots"][-1]
        need(bundle["as_of"] == self.last["height"], "as_of")

    def chain_identity(self):
        document = self.chain["genesis"].encode("utf-8")
        self.geneses = [read_genesis(document)]
        self.genesis = self.geneses[0][0]
        need(sha256(document).hex() == self.trust["genesis_hash"], "another genesis")
        need(self.genesis["chain_id"] == self.trust["chain_id"], "another chain id")
        for chain in reversed(self.bundle["predecessors"]):
            need("predecessor" in self.geneses[0][0], "a predecessor that nothing names")
            before = read_genesis(chain["genesis"].encode("utf-8"))
            named = self.geneses[0][0]["predecessor"]
            need(before[0]["chain_id"] == named["chain_id"], "another predecessor")
            self.geneses.insert(0, before)
        need("predecessor" not in self.geneses[0][0], "a predecessor is not shown")
        ids = {genesis["chain_id"] for genesis, _ in self.geneses}
        need(len(ids) == len(self.chains), "a chain id twice")
        self.named = [genesis.get("predecessor") for genesis, _ in self.geneses[1:]]

    def chain_commits(self):
        for chain, sets, (genesis, first_set) in zip(self.chains, self.sets, self.geneses):
            self.used_sets = []
            self.commits_of(chain, sets, genesis, first_set)
        for chain, named, (after, _) in zip(self.chains, self.named, self.geneses[1:]):
            last = chain["headers"][-1]
            need(header_hash(last).hex() == named["header"], "another last header")
            need(last["height"] in self.committed(chain), "the last header has no commit")
            need(after["initial_height"] == last["height"] + 2, "initial height")

    def committed(self, chain):
        return {commit["height"] for commit in chain["commits"]}

    def commits_of(self, chain, of_chain, genesis, first_set):
        headers = {header["height"]: header for header in chain["headers"]}
        sets = {set_hash(item).hex(): item for item in of_chain}
        current, used = set_hash(first_set).hex(), set()
        for commit in chain["commits"]:
            need(commit["height"] in headers, "no header for a commit")
            header = headers[commit["height"]]
            need(header["chain_id"] == genesis["chain_id"], "header of another chain")
            need(header["height"] >= genesis["initial_height"], "before the first height")
            need(header["validators_hash"] == current and current in sets, "validator set")
            for key, _ in sets[current]:
                check_ed25519(key)
            verify_commit(header, commit, sets[current])
            if current not in used:
                self.used_sets.append(sets[current])
            used.add(current)
            current = header["next_validators_hash"]
            self.known[header["height"]] = header
        need(len(used) == len(of_chain), "unused set")

    def chain_headers(self):
        for chain in self.chains:
            committed = self.committed(chain)
            for header, after in pairwise([*chain["headers"], None]):
                need(header["version"] == {"app": 1, "block": 11}, "other rules or block protocol")
                if after and after["height"] == header["height"] + 1:
                    need(after["last_block_id"]["hash"] == header_hash(header).hex(), "header")
                else:
                    need(header["height"] in committed, "nothing vouches for a header")
                self.known[header["height"]] = header
        headers = [header for chain in self.chains for header in chain["headers"]]
        times = [(header["time"]["seconds"], header["time"]["nanos"]) for header in headers]
        need(all(a < b for a, b in pairwise(times)), "a header is not later than one below it")
        for chain in self.chains:
            committed = self.committed(chain)
            for roots in chain["roots"]:
                need(roots["height"] + 1 in committed, "no commit for roots")
                hashed = b"evidence-ledger/app/1" + roots["size"].to_bytes(8, "big")
                hashed += bytes.fromhex(roots["root"]) + bytes.fromhex(roots["state_root"])
                need(
                    sha256(hashed).hex() == self.known[roots["height"] + 1]["app_hash"], "app_hash"
                )
                self.roots[roots["height"]] = roots
        for chain, named in zip(self.chains, self.named):
            last = chain["roots"][-1]
            need(last["height"] == chain["headers"][-1]["height"] - 1, "the last roots' height")
            need(all(last[name] == named[name] for name in ("size", "root", "state_root")), "roots")
        for one, after in pairwise([roots for chain in self.chains for roots in chain["roots"]]):
            need(one["size"] <= after["size"], "the log shrank")
            need(one["size"] < after["size"] or one["root"] == after["root"], "the log was forked")

    def log_genesis(self):
        size, root = self.last["size"], bytes.fromhex(self.last["root"])
        for chain, index in zip(self.chains, [0, *(named["size"] for named in self.named)]):
            hashed = leaf(chain["genesis"].encode("utf-8"))
            verify_inclusion(hashed, index, size, hashes_of(chain["genesis_path"]), root)
        for named in self.named:
            wanted = (named["size"], named["root"], size, self.last["root"])
            for item in self.bundle["consistency"]:
                if wanted == tuple(
                    item[k] for k in ("first", "first_root", "second", "second_root")
                ):
                    roots = hashes_of([item["first_root"], item["second_root"]])
                    verify_consistency(named["size"], size, hashes_of(item["proof"]), *roots)
                    break
            else:
                need(False, "nothing shows that the log continues")

    def state_proofs(self):
        for proof in self.bundle["state"]:
            verify_state_proof(proof, bytes.fromhex(self.last["state_root"]))
            if "value" in proof:
                value = read_canonical(proof["value"].encode("utf-8"), 1_048_576)
                self.state[proof["key"]] = value

    def entries_form(self):
        self.entries = [Entry(bundled) for bundled in self.bundle["entries"]]
        for entry in self.entries:
            mine = entry.tx.payload["cid"] == self.trust["chain_id"]
            need(mine or self.bundle["predecessors"], "cid")
        need(len({entry.tx.payload["sub"] for entry in self.entries}) == 1, "two dossiers")
        need(self.bundle["scope"] == "dossier" or len(self.entries) == 1, "scope record")

    def entries_inclusion(self):
        for entry in self.entries:
            need(entry.height in self.roots, "no roots for an entry")
            chain_id = self.chain_id_at(entry.height)
            need(entry.tx.payload["cid"] == chain_id, "cid of another chain than its height's")
            for path, roots in (
                (entry.path, self.roots[entry.height]),
                (entry.path_as_of, self.last),
            ):
                root = bytes.fromhex(roots["root"])
                verify_inclusion(entry.leaf, entry.index, roots["size"], hashes_of(path), root)

    def dossier_chain(self):
        if self.bundle["scope"] == "record":
            raise NotChecked("one record only")
        before = ""
        for ordinal, entry in enumerate(self.entries, 1):
            need(entry.digits == self.entries[0].digits, "code of another dossier")
            need(entry.ordinal == str(ordinal) and entry.prev == before, "ordinal or prev")
            before = entry.leaf.hex()

    def dossier_head(self):
        first, last = self.entries[0], self.entries[-1]
        head = self.value(f"dossier/{first.tx.payload['sub']}")
        need(head.get("count") == len(self.entries), "count")
        need(head.get("head") == last.leaf.hex(), "head")
        counter = number(head.get("counter"), 0, 2**32 - 1)
        hashed = first.tx.payload["cid"].encode("ascii") + first.tx.id + counter.to_bytes(4, "big")
        twelve = f"{int.from_bytes(sha256(hashed)[:8], 'big') % 10**12:012d}"
        need(head.get("code") == last.digits and last.digits[:12] == twelve, "code")

    def value(self, key):
        need(key in self.state, f"no value of {key} is shown")
        return self.state[key]

    def key(self, entry):
        value = self.value(f"key/{entry.tx.kid}")
        point = p256_key(value.get("jwk"))
        need(thumbprint(value["jwk"]) == entry.tx.kid, "key of another kid")
        return point, value

    def transactions_keys(self):
        doubts = []
        for entry in self.entries:
            _, value = self.key(entry)
            need(value.get("member") == entry.tx.payload["iss"], "key of another member")
            need(entry.height >= number(value.get("from"), -MOST), "key not yet in force")
            need(type(value.get("to")) is not int or entry.height < value["to"], "key ended")
            if "use" in value:
                need(value["use"] == "recovery", "key of an unknown use")
                by_recovery = entry.tx.payload["type"] in ("key.rotated", "key.compromised")
                need(by_recovery, "recovery key")
            suspect = value.get("suspect_from")
            doubts += [entry] if type(suspect) is int and entry.time >= suspect else []
        if doubts:
            raise NotChecked("a key was reported compromised")

    def transactions_signatures(self):
        for entry in self.entries:
            verify_es256(self.key(entry)[0], entry.tx.signed, entry.tx.signature)

    def times(self):
        for entry in self.entries:
            need({entry.height, entry.height + 1} <= set(self.known), "no headers for a time")
            now = self.known[entry.height]["time"]
            need(now["seconds"] * 1000 + now["nanos"] // 10**6 == entry.time, "entry's time")

    def disclosures(self):
        if not any(entry.disclosures for entry in self.entries):
            raise NotChecked("none")
        for entry in self.entries:
            for encoded in entry.disclosures:
                digest = to_base64url(sha256(encoded.encode("ascii")))
                need(digest in entry.tx.digests, "a disclosure of another record or of none")
            check_disclosures(entry.disclosures, entry.tx.payload)

    def log_checkpoint(self):
        here = self.last["size"], self.last["root"]
        reached = {here}
        for item in self.bundle["consistency"]:
            reached |= self.consistent(item, here)
        known = self.trust.get("checkpoint")
        if known is None:
            raise NotChecked("no checkpoint to compare")
        signed = [(at["size"], at["root"]) for at in self.roots.values()]
        for size, root in [*signed, *(end for end in reached if end[0] <= here[0])]:
            need(size != known["size"] or root == known["root"], "the log was forked")
        need((known["size"], known["root"]) in reached, "the bundle leads elsewhere")

    def anchors(self):
        if not self.bundle["anchors"]:
            raise NotChecked("none")
        here = self.last["size"], self.last["root"]
        roots = {here}
        for item in self.bundle["consistency"]:
            roots |= {end for end in self.consistent(item, here) if end[0] <= here[0]}
        self.parts = [self.verdict_on(item, roots) for item in self.bundle["anchors"]]
        verdicts = [verdict for verdict, _ in self.parts]
        need("failed" not in verdicts, "a receipt fails")
        if "passed" not in verdicts:
            raise NotChecked("no receipt leads to what is trusted")
        sizes = [
            item["point"]["size"]
            for item, (verdict, _) in zip(self.bundle["anchors"], self.parts)
            if verdict == "passed"
        ]
        if min(entry["index"] for entry in self.bundle["entries"]) >= max(sizes):
            raise NotChecked("no receipt covers a record")

    def consistent(self, item, here):
        first, second = (item["first"], item["first_root"]), (item["second"], item["second_root"])
        need(here in (first, second), "consistency of other logs")
        roots = hashes_of([first[1], second[1]])
        verify_consistency(first[0], second[0], hashes_of(item["proof"]), *roots)
        return {first, second}

    def verdict_on(self, item, roots):
        try:
            conform(item, "anchor")
            self.check_point(item["point"], roots)
            kind = receipts.KINDS.get(item["kind"])
            if kind is None:
                raise NotChecked("unknown kind")
            try:
                kind(item["receipt"], item["point"], self.trust)
            except receipts.NothingTrusted as reason:
                raise NotChecked(str(reason)) from reason
            except receipts.Bad as reason:
                raise Refused(str(reason)) from reason
        except NotChecked as reason:
            return "not checked", str(reason)
        except Refused as reason:
            return "failed", str(reason)
        return "passed", ""

    def check_point(self, point, roots):
        height = point["height"]
        need(point["chain_id"] == self.chain_id_at(height), "a point of another chain")
        need((point["size"], point["root"]) in roots, "a log that this one does not continue")
        if height + 1 in self.known:
            need(header_hash(self.known[height + 1]).hex() == point["header"], "another header")
        shown = self.roots.get(height)
        names = ("size", "root", "state_root")
        need(shown is None or all(shown[name] == point[name] for name in names), "other roots")

    def chain_id_at(self, height):
        older = [one for one, _ in self.geneses if height >= one["initial_height"] - 1]
        return (older or [self.geneses[0][0]])[-1]["chain_id"]

    def operators(self):
        members = {ed25519_bytes(v["public_key"]): v["member"] for v in self.genesis["validators"]}
        for validators in self.used_sets:
            powers = {}
            for key, power in validators:
                party = self.operator(key, members)
                powers[party] = powers.get(party, 0) + power
            if 3 * max(powers.values()) > 2 * sum(powers.values()):
                raise NotChecked("one operator")

    def operator(self, key, members):
        shown = self.state.get("validator/" + address(key).hex()) or {}
        if key not in members and shown.get("public_key") != key.hex():
            raise NotChecked("whose validator it is is not shown")
        return members[key] if key in members else str(shown.get("member"))


STEPS = {
    "bundle.form": "",
    "chain.identity": "bundle.form",
    "chain.commits": "chain.identity",
    "chain.headers": "chain.commits",
    "log.genesis": "chain.headers",
    "state.proofs": "chain.headers",
    "entries.form": "bundle.form",
    "entries.inclusion": "entries.form chain.headers",
    "dossier.chain": "entries.form",
    "dossier.head": "dossier.chain state.proofs",
    "transactions.keys": "entries.form state.proofs",
    "transactions.signatures": "entries.form state.proofs",
    "times": "entries.inclusion",
    "disclosures": "entries.form",
    "log.checkpoint": "chain.headers",
    "anchors": "entries.inclusion",
    "operators": "chain.commits state.proofs",
}


def verify(bundle, trust):
    """Each step's verdict and reason. Raises Refused when the trust file is not of its form."""
    verification = Verification(bundle, read_trust(trust))
    verdicts = {}
    for step, rests_on in STEPS.items():
        if any(verdicts[other][0] != "passed" for other in rests_on.split()):
            verdicts[step] = "not checked", "what it rests on did not pass"
            continue
        try:
            getattr(verification, step.replace(".", "_"))()
            verdicts[step] = "passed", ""
        except NotChecked as reason:
            verdicts[step] = "not checked", str(reason)
        except Refused as reason:
            verdicts[step] = "failed", str(reason)
        for place, verdict in enumerate(verification.parts, 1):
            verdicts[f"{step}.{place}"] = verdict
        verification.parts = []
    return verdicts
