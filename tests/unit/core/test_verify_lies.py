"""Lies that the validators themselves signed: in the log, in the state map, in the headers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from builders.bundling import bundle_of, consistency_json, path_json, roots_json, trust_of
from builders.cases import OTHER, SUB, Bundle, grown
from builders.chain import Chain, state_proof
from builders.curves import ED_TORSION, ed_encode
from builders.reports import refused_by, text_of, verify, with_status
from builders.signing import BlockSigner, MemberKey, digests_of, event, private_fields, signed_jwt

from node.core.block import BlockId, Commit, Header, Validator
from node.core.bundle import commit_json, header_json
from node.core.disclosure import disclosure_digest
from node.core.encoding import canonical_json, encode_base64url
from node.core.merkle import inclusion_path
from node.core.verify import NOT_CHECKED, PASSED, Report


def lied(lie: Callable[[Chain], Any], **options: Any) -> Report:
    """The report on a chain in whose state or log there is a lie, under its own trust file."""
    chain = Chain(validators=4)
    lie(chain)
    return verify(bundle_of(grown(chain), SUB, **options), trust_of(chain))


def key_value(chain: Chain, **changes: Any) -> tuple[str, dict[str, Any]]:
    key = chain.keys["platform-a"]
    value = {"from": 1, "jwk": key.jwk.to_json(), "member": "platform-a", **changes}
    return f"key/{key.kid}", value


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"to": 2}, "was not valid at height 2"),
        ({"to": 5}, "was not valid at height 5"),
        ({"from": 3}, "was not valid at height 2"),
        ({"from": "1"}, "was not valid at height 2"),
        ({"member": "court-a"}, "is not a key of platform-a"),
        ({"member": None}, "is not a key of platform-a"),
    ],
)
def test_keys_that_were_not_the_signers_then(changes: dict[str, Any], says: str) -> None:
    changes = {name: value for name, value in changes.items() if value is not None}

    def lie(chain: Chain) -> None:
        name, value = key_value(chain, **changes)
        if "member" not in changes and len(changes) == 0:
            del value["member"]
        chain.put(name, value)

    assert says in refused_by(lied(lie), "transactions.keys")


@pytest.mark.parametrize("end", [6, 7, 2**40])
def test_a_key_that_ended_later_was_still_valid(end: int) -> None:
    assert lied(lambda chain: chain.put(*key_value(chain, to=end))).accepted


@pytest.mark.parametrize(
    ("jwk", "says"),
    [
        (lambda chain: chain.keys["court-a"].jwk.to_json(), "is not this key's"),
        (lambda chain: {**chain.keys["court-a"].jwk.to_json(), "x": "AA"}, "32 bytes each"),
        (lambda chain: "x", "must be a JWK"),
        (lambda chain: [], "must be a JWK"),
    ],
)
def test_another_key_under_this_keys_name(jwk: Callable[[Chain], Any], says: str) -> None:
    report = lied(lambda chain: chain.put(*key_value(chain, jwk=jwk(chain))))
    assert says in refused_by(report, "transactions.keys", "transactions.signatures")


def test_a_key_under_suspicion_is_not_checked_but_its_signatures_are() -> None:
    def since(time: int) -> Callable[[Chain], None]:
        return lambda chain: chain.put(*key_value(chain, suspect_from=time))

    at_second = Chain().time(3)
    report = lied(since(at_second))
    assert report.accepted
    assert "transactions.keys" in with_status(report, NOT_CHECKED)
    assert "transactions.signatures" in with_status(report, PASSED)
    details = next(step.details for step in report.steps if step.id == "transactions.keys")
    assert [line.split(": ")[0][-2:] for line in details] == ["-2", "-3"]
    assert "transactions.keys" in with_status(lied(since(at_second + 86_400_000)), PASSED)


def test_a_record_with_a_wrong_signature() -> None:
    """Validators who accept what its signer never signed are found out all the same."""

    def lie(chain: Chain) -> None:
        jwt = chain.jwt()
        head, _, signature = jwt.rpartition(b".")
        other = chain.jwt(jti="x").rpartition(b".")[2]
        assert signature != other
        chain.commit_block(head + b"." + other)

    assert "does not hold under this key (ES256)" in refused_by(
        lied(lie), "transactions.signatures"
    )


def test_a_record_signed_with_a_colleagues_key() -> None:
    report = lied(
        lambda chain: chain.commit_block(chain.jwt(key=chain.keys["court-a"])),
        extra_keys=[f"key/{Chain(validators=4).keys['court-a'].kid}"],
    )
    assert "is not a key of platform-a" in refused_by(report, "transactions.keys")


def test_a_record_of_another_chain() -> None:
    """Signed by a member for another chain in which it takes part, and played here."""

    def lie(chain: Chain) -> None:
        chain.commit_block(chain.jwt(cid="another-chain"))

    assert "payload.cid: is another chain" in refused_by(lied(lie), "entries.form")


def test_a_transaction_that_is_none() -> None:
    def lie(chain: Chain) -> None:
        head = canonical_json({"alg": "none", "kid": chain.keys["platform-a"].kid, "typ": "x"})
        bad = signed_jwt(chain.keys["platform-a"], b"{}", head).decode()
        chain.commit_block(chain.jwt(), entry_changes={"tx": bad})

    says = refused_by(lied(lie), "entries.form")
    assert says.startswith("bundle.entries[0].entry.tx.header.alg")


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"_sd": ["A" * 43]}, "_sd"),
        ({"a": [1, {"...": "x"}]}, "a[1]...."),
        ({"a": {"_sd_alg": "sha-256"}}, "a._sd_alg"),
    ],
)
def test_a_record_with_digests_inside_its_data(data: dict[str, Any], place: str) -> None:
    """A library that follows RFC 9901 would look for them there."""

    def lie(chain: Chain) -> None:
        payload = canonical_json(event(cid=chain.chain_id, data=data))
        nested = signed_jwt(chain.keys["platform-a"], payload).decode()
        chain.commit_block(chain.jwt(), entry_changes={"tx": nested})

    says = refused_by(lied(lie), "entries.form")
    assert says.startswith(f"bundle.entries[0].entry.tx.payload.data.{place}: is reserved")


def test_a_record_of_a_type_that_only_other_rules_know() -> None:
    """Its form is good; whether the rules took it is the validators' word, as for every record."""
    report = lied(lambda chain: chain.commit_block(chain.jwt(type="no.such_type", data={"x": [1]})))
    assert report.accepted


def test_an_entry_whose_time_is_not_its_headers() -> None:
    report = lied(lambda chain: chain.commit_block(chain.jwt(), entry_changes={"time": 5}))
    assert "entry.time: is not its block's time" in refused_by(report, "times")


class WeakSigner(BlockSigner):
    """A validator whose key is a point of small order."""

    def __init__(self) -> None:
        super().__init__("weak")
        self.validator = Validator(ed_encode(ED_TORSION[3]), 1)


@pytest.mark.parametrize("votes", [False, True])
def test_a_weak_key_in_a_set_that_validators_agreed_on(votes: bool) -> None:
    """Refused whether it is needed for two thirds or not, as it is in a genesis."""
    weak = WeakSigner()

    class Weak(Chain):
        def sign_commit(self, *args: Any) -> Commit:
            return super().sign_commit(*args, () if votes else (weak,))

    chain = Weak(validators=4)
    chain.commit_block(next_signers=[*chain.signers, weak])
    report = verify(bundle_of(grown(chain), SUB), trust_of(chain))
    says = refused_by(report, "chain.commits")
    assert re.fullmatch(r"header \d: validators\[\d\]: the Ed25519 key has small order", says), says


@pytest.mark.parametrize("height", [2, 3, 6, 7])
@pytest.mark.parametrize(
    ("version", "says"),
    [
        ((11, 2), "was made under rules of version 2, this verifier knows 1 only"),
        ((11, 0), "was made under rules of version 0, this verifier knows 1 only"),
        ((12, 1), "is of block protocol 12, this verifier knows 11 only"),
    ],
)
def test_a_header_of_rules_or_of_a_protocol_that_nobody_knows_yet(
    height: int, version: tuple[int, int], says: str
) -> None:
    """The validators agreed on it, and what it holds may mean something else under it."""

    class Later(Chain):
        def _header(self, jwts: list[bytes]) -> Header:
            header = super()._header(jwts)
            return replace(header, version=version) if self.height == height else header

    chain = grown(Later(validators=4))
    report = verify(bundle_of(chain, SUB), trust_of(chain))
    assert f"header {height}: {says}" in refused_by(report, "chain.headers")


def test_a_chain_that_began_under_later_rules() -> None:
    chain, before = grown(Chain(validators=4)), b'"rules_version":1'
    bundle = bundle_of(chain, SUB)
    document = chain.genesis.document.replace(before, b'"rules_version":2')
    bundle["chain"]["genesis"] = document.decode()
    trust = trust_of(chain, genesis_hash=hashlib.sha256(document).hexdigest())
    assert "2: made under rules that are not known here" in refused_by(
        verify(bundle, trust), "chain.identity"
    )


def test_a_block_that_is_not_later_than_the_one_before() -> None:
    class Standing(Chain):
        def time(self, height: int) -> int:
            return super().time(min(height, 2))

    chain = grown(Standing(validators=4))
    report = verify(bundle_of(chain, SUB), trust_of(chain))
    assert "header 3: is not later than header 2" in refused_by(report, "chain.headers")


@pytest.mark.parametrize("back", [30_000, 20_000])
def test_a_later_record_in_an_earlier_block_time(back: int) -> None:
    """Neighbours rise, but from the fifth block on the clock is back: before, or at the third."""

    class Back(Chain):
        def time(self, height: int) -> int:
            return super().time(height) - (back if height >= 5 else 0)

    chain = grown(Back(validators=4))
    bundle = bundle_of(chain, SUB, ordinals=[1, 3])
    heights = [header["height"] for header in bundle["chain"]["headers"]]
    assert heights == [2, 3, 5, 6, 7]
    report = verify(bundle, trust_of(chain))
    assert "header 5: is not later than header 3" in refused_by(
        report, "chain.headers", "dossier.chain"
    )


@pytest.mark.parametrize("height", [2, 3, 5, 6])
def test_neighbouring_headers_that_are_not_linked_though_both_have_commits(height: int) -> None:
    class Unlinked(Chain):
        def _header(self, jwts: list[bytes]) -> Header:
            header = super()._header(jwts)
            if self.height != height + 1:
                return header
            return replace(header, last_block_id=BlockId(bytes(32), 1, bytes(32)))

    chain = grown(Unlinked(validators=4))
    report = verify(bundle_of(chain, SUB), trust_of(chain))
    says = refused_by(report, "chain.headers")
    assert f"header {height}: is not the one that the next header names" in says


def test_a_genesis_whose_predecessor_is_not_shown() -> None:
    """Four leaves of whatever else stand before it, which nothing would check."""

    class Continued(Chain):
        def _append(self, text: bytes) -> None:
            for number in range(0 if self.size else 3):
                super()._append(b"anything %d" % number)
            super()._append(text)

    zero = "00" * 32
    before = {"chain_id": "old", "header": zero, "root": zero, "size": 3, "state_root": zero}
    chain = grown(Continued(validators=4, genesis_changes={"predecessor": before}))
    bundle = bundle_of(chain, SUB)
    path = inclusion_path(3, chain.points[6].size, chain.read_hash)
    bundle["chain"]["genesis_path"] = [step.hex() for step in path]
    assert "bundle.predecessors: old, which seal-test continues, is not shown" in refused_by(
        verify(bundle, trust_of(chain)), "chain.identity"
    )


def test_a_private_field_that_contradicts_a_public_one() -> None:
    own = private_fields({"owner_name": "甲公司"})
    chain = Chain(validators=4)
    chain.commit_block(chain.jwt(data={"owner_name": "乙公司"}, **digests_of(own)))
    chain.commit_block()
    chain.commit_block()
    report = verify(bundle_of(chain, SUB, disclosures=own), trust_of(chain))
    says = refused_by(report, "disclosures")
    assert says.endswith("disclosures[0]: owner_name stands in clear in data")


def test_a_disclosure_whose_name_says_something_when_it_is_printed() -> None:
    text = "initiator\n15 - Known checkpoint of the log: continues the log known at size 900"
    encoded = encode_base64url(canonical_json(["s" * 22, text, "x"]))
    chain = Chain(validators=4)
    chain.commit_block(chain.jwt(_sd=[disclosure_digest(encoded)], _sd_alg="sha-256"))
    chain.commit_block()
    chain.commit_block()
    bundle = bundle_of(chain, SUB)
    bundle["entries"][0]["disclosures"] = [encoded]
    says = refused_by(verify(bundle, trust_of(chain)), "disclosures")
    assert "name must be text" in says
    assert "checkpoint" not in says


def test_a_member_that_copied_a_digest_of_another() -> None:
    """Its own field of that name is genuine; shown beside it, the other's would be a second."""
    one, other = private_fields({"ip": "192.0.2.1"}), private_fields({"ip": "192.0.2.2"})
    chain = Chain(validators=4)
    chain.commit_block(chain.jwt(**digests_of(one)))
    copied = digests_of([*one, *other])
    chain.commit_block(chain.jwt(iss="court-a", jti="x", type="signing.started", **copied))
    chain.commit_block()
    chain.commit_block()
    bundle, trust = bundle_of(chain, SUB, disclosures=[*one, *other]), trust_of(chain)
    report = verify(bundle, trust)
    assert report.accepted
    details = next(step.details for step in report.steps if step.id == "disclosures")
    assert [line.split("-")[1] for line in details] == ["1: ip", "2: ip"]
    bundle["entries"][1]["disclosures"].append(one[0].encoded)
    assert "bundle.entries[1].disclosures[1]: a second disclosure of 'ip'" in refused_by(
        verify(bundle, trust), "disclosures"
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"code": "0034133234711"}, "does not follow from its first transaction"),
        ({"code": 5}, "does not follow from its first transaction"),
        ({"counter": 1}, "does not follow from its first transaction"),
        ({"counter": "0"}, "must be a 32-bit integer"),
        ({"counter": 2**32}, "must be a 32-bit integer"),
        ({"counter": -1}, "must be a 32-bit integer"),
        ({"count": 4}, "has 4 records"),
        ({"count": "3"}, "has 3 records"),
        ({"head": "00" * 32}, "its last record is another"),
        ({"head": []}, "its last record is another"),
    ],
)
def test_a_head_that_does_not_fit_the_records(changes: dict[str, Any], says: str) -> None:
    chain = grown()
    head = json.loads(chain.state[f"dossier/{SUB}"])
    chain.put(f"dossier/{SUB}", {**head, **changes})
    chain.commit_block()
    chain.commit_block()
    report = verify(bundle_of(chain, SUB), trust_of(chain))
    assert says in refused_by(report, "dossier.head")


@pytest.mark.parametrize("value", [b"", b"x", b"[]", b'{"a": 1}', b'{"b":1,"a":2}', b'{"a":1.5}'])
def test_a_state_value_that_is_no_canonical_object(value: bytes) -> None:
    chain = Chain(validators=4)
    chain.state["seal/s1"] = value
    report = verify(bundle_of(grown(chain), SUB, extra_keys=["seal/s1"]), trust_of(chain))
    assert "state seal/s1" in refused_by(report, "state.proofs")


def test_a_member_shown_to_have_no_such_key() -> None:
    chain = Chain(validators=4)
    chain.put(key_value(chain)[0], None)
    report = verify(bundle_of(grown(chain), SUB), trust_of(chain))
    refused_by(report, "transactions.keys", "transactions.signatures")


def forked(honest: Chain, records: int) -> Bundle:
    """A record in a member's name, signed with a key that the operator has put under it.

    It stands, with ``records`` - 1 others, in a log that no block of the honest chain has. The
    newest header names the honest chain's log again, and a state map that has the forged key.
    """
    fork, mine = Chain(validators=1), MemberKey("the operator's own")
    fork.put(f"key/{mine.kid}", {"from": 1, "jwk": mine.jwk.to_json(), "member": "platform-a"})
    fork.commit_block()
    others = [fork.jwt(mine, jti=f"forged-{n}", sub=f"{OTHER}{n}") for n in range(1, records)]
    fork.commit_block(fork.jwt(mine, jti="forged"), *others)
    while fork.height < 6:
        fork.commit_block()
    newest = honest.points[6]
    fork.points[6] = replace(fork.points[6], size=newest.size, root=newest.root)
    fork.commit_block()
    bundle, record = bundle_of(honest, SUB, as_of=6), fork.records[0]
    bundle["entries"] = [
        {
            "disclosures": [],
            "entry": record.text.decode(),
            "index": record.index,
            "path": path_json(fork, record.index, fork.points[2].size),
            "path_as_of": path_json(honest, record.index, newest.size),
        }
    ]
    bundle["chain"] |= {
        "commits": [commit_json(fork.commits[height]) for height in (3, 7)],
        "headers": [header_json(fork.headers[height]) for height in (2, 3, 6, 7)],
        "roots": [roots_json(fork, 2), roots_json(fork, 6)],
    }
    keys = sorted([f"key/{mine.kid}", f"dossier/{SUB}"])
    bundle["state"] = [state_proof(fork.points[6].state, key).to_json() for key in keys]
    return bundle


def test_a_forged_record_that_is_in_no_log_that_leads_to_the_checkpoint() -> None:
    honest = grown(Chain(validators=1))
    report = verify(forked(honest, 1), trust_of(honest, known_at=6))
    says = refused_by(report, "entries.inclusion")
    assert says == "bundle.entries[0].path_as_of: the path does not lead to this root"
    assert "log.checkpoint" in with_status(report, PASSED)


def test_two_roots_of_one_size() -> None:
    honest = grown(Chain(validators=1))
    bundle = forked(honest, 4)
    assert [roots["size"] for roots in bundle["chain"]["roots"]] == [5, 5]
    report = verify(bundle, trust_of(honest, known_at=6))
    assert "roots 6: at size 5 the roots 2 have another root: this log was forked" in refused_by(
        report, "chain.headers"
    )


def test_a_log_that_shrinks() -> None:
    honest = grown(Chain(validators=1))
    report = verify(forked(honest, 5), trust_of(honest, known_at=6))
    assert "roots 6: show a smaller log than the roots 2" in refused_by(report, "chain.headers")


def test_older_roots_that_contradict_the_checkpoint_to_which_the_newest_lead() -> None:
    honest = grown(Chain(validators=1))
    bundle = forked(honest, 3)
    bundle["consistency"] = [consistency_json(honest, 3, 6)]
    report = verify(bundle, trust_of(honest, known_at=3))
    refused_by(report, "entries.inclusion", "log.checkpoint")
    says = text_of(report, "log.checkpoint")
    assert says == "checkpoint: at size 4 the log had another root: this log was forked"


@pytest.mark.parametrize(
    "key",
    [
        "seal/ES-1: active (version 6), valid to 2031-01-01T00:00:00.000+08:00 [note: seal/ES-2",
        "seal/ES-1\n 6 - State proofs: passed",
        "seal/ES-1\x1b[2K",
        "note/this-seal-is-active",
    ],
)
def test_a_state_key_that_says_something_when_it_is_printed(key: str) -> None:
    """It is absent, so anybody can prove it, and a verifier that prints it would speak for it."""
    chain = Chain(validators=1)
    chain.put("seal/ES-1", {"status": "revoked", "status_version": 5, "valid_to": 1})
    bundle = bundle_of(grown(chain), SUB, extra_keys=[key])
    place = next(n for n, proof in enumerate(bundle["state"]) if proof["key"] == key)
    says = refused_by(verify(bundle, trust_of(chain, known_at=6)), "bundle.form")
    assert says.startswith(f"bundle.state[{place}].key: must be a known prefix")
    assert key not in says


def test_a_block_before_the_chains_first_height() -> None:
    chain = grown(Chain(validators=4, genesis_changes={"initial_height": 4}))
    report = verify(bundle_of(chain, SUB), trust_of(chain))
    assert "is before the chain's first height" in refused_by(report, "chain.commits")
