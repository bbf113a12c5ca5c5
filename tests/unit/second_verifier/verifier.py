"""A second verifier of evidence bundles, written from ``docs/spec`` and from nothing else.

It imports no code of the node: only the standard library, and `cryptography` for the two signature
algorithms. The tests beside it hold it against the node's own verifier. It says less than that one:
for each of the 17 steps ``passed``, ``failed`` or ``not checked``, and why.
"""

import base64
import hashlib
import json
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

MOST = 2**53 - 1
HASH, HEX = re.compile(r"[0-9a-f]{64}"), re.compile(r"(?:[0-9a-f]{2})*")
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
TOKEN = r"(?:[A-Za-z0-9_-]|\\d|\[A-Z0-9\]|\[A-Za-z0-9\])"
SIGN_NO = re.compile(rf"(?:{TOKEN}(?:\+|\{{[0-9]{{1,2}}(?:,[0-9]{{1,2}})?\}})?)+")


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


def hex_bytes(value, *lengths):
    raw = bytes.fromhex(match(value, HEX))
    need(len(raw) in lengths, "hex of another length")
    return raw


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


def ed25519_key(jwk):
    members(jwk, "crv kty x")
    need((jwk["crv"], jwk["kty"]) == ("Ed25519", "OKP"), "no Ed25519 key")
    raw = from_base64url(jwk["x"])
    need(len(raw) == 32, "an Ed25519 key has 32 bytes")
    if raw in KNOWN_KEYS:
        return raw
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
    return raw


def verify_ed25519(key, message, signature):
    y = int.from_bytes(signature[:32], "little") % 2**255
    need(y < Q and y not in SMALL, "R out of range or of small order")
    need(int.from_bytes(signature[32:], "little") < L, "S out of range")
    try:  # without the cofactor: this library computes [S]B - [k]A and compares its bytes with R
        ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise Refused("Ed25519 signature does not hold") from error


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
    return uvarint(field << 3) + uvarint(value) if value else b""


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
        verify_ed25519(key, message, bytes.fromhex(vote["signature"]))
        signed += power
    need(3 * signed > 2 * sum(power for _, power in validators), "too little power")


# --- genesis.md, trust.md -------------------------------------------------------------------------


def in_order(validators):
    return sorted(validators, key=lambda item: (-item[1], address(item[0])))


def read_member(value):
    members(value, "divisions id keys name recovery_key roles", "checkpoint_key")
    match(value["id"], MEMBER)
    text(value["name"], 200)
    roles = array(value["roles"], 10, 1)
    need(roles == [role for role in ROLES if role in roles], "roles")
    for division in array(value["divisions"], 500):
        match(division, re.compile(r"(?:[0-9][0-9]){0,3}"))
    for key in array(value["keys"], 100, 1):
        members(key, "from jwk", "to")
        start = number(key["from"], 1)
        if "to" in key:
            number(key["to"], start + 1)
    if "checkpoint_key" in value:
        ed25519_key(value["checkpoint_key"])
    return [p256_key(jwk) for jwk in [key["jwk"] for key in value["keys"]] + [value["recovery_key"]]]


def read_parameters(value, ids):
    members(value, "clock_tolerance_ms custodians late_after_ms max_block_bytes sign_no_patterns")
    number(value["clock_tolerance_ms"], 0, 3_600_000)
    number(value["late_after_ms"], 1)
    number(value["max_block_bytes"], 1_048_576, 104_857_600)
    for member in array(value["custodians"], 50):
        need(isinstance(member, str) and member in ids, "custodian is no member")
    for pattern in array(value["sign_no_patterns"], 50):
        match(text(pattern, 100), SIGN_NO)
        for bounds in re.findall(r"\{([0-9]+),([0-9]+)\}", pattern):
            need(int(bounds[0]) <= int(bounds[1]), "m is above n")


def read_genesis(document):
    value = read_canonical(document, 1_048_576)
    names = "chain_id format genesis_time initial_height members parameters rules_version validators"
    members(value, names, "predecessor")
    need(value["format"] == "evidence-genesis/1", "format")
    match(value["chain_id"], CHAIN_ID)
    number(value["genesis_time"])
    number(value["initial_height"], 1)
    number(value["rules_version"], 1)
    keys = [key for member in array(value["members"], 1000, 1) for key in read_member(member)]
    ids = [member["id"] for member in value["members"]]
    need(len(set(ids)) == len(ids) and len(set(keys)) == len(keys), "an id or key twice")
    validators = []
    for item in array(value["validators"], 200, 1):
        members(item, "member power public_key")
        need(isinstance(item["member"], str) and item["member"] in ids, "validator is no member")
        validators.append((ed25519_key(item["public_key"]), number(item["power"], 1, 2**40)))
    need(len({key for key, _ in validators}) == len(validators), "a validator's key twice")
    need(sum(power for _, power in validators) <= (2**63 - 1) // 8, "too much power")
    read_parameters(value["parameters"], ids)
    need("predecessor" not in value, "this version accepts no chain with a predecessor")
    return value, in_order(validators)


def read_trust(data):
    value = read_json(data, 1_048_576)
    members(value, "anchors chain_id format genesis_hash tsa_roots", "checkpoint")
    need(value["format"] == "evidence-trust/1", "format")
    match(value["chain_id"], CHAIN_ID)
    match(value["genesis_hash"], HASH)
    for root in array(value["tsa_roots"], 100):
        try:
            raw = base64.b64decode(text(root, 65_536), validate=True)
        except ValueError as error:
            raise Refused("no base64") from error
        need(base64.b64encode(raw).decode("ascii") == root, "base64 is not canonical")
    for anchor in array(value["anchors"], 100):
        need(isinstance(anchor, dict), "an anchor is no object")
    if "checkpoint" in value:
        members(value["checkpoint"], "root size")
        match(value["checkpoint"]["root"], HASH)
        number(value["checkpoint"]["size"], 1)
    return value
