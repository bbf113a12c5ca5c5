"""The verifier's steps about the chain: form, identity, commits, headers, state, log, operators."""

from __future__ import annotations

from node.core.apphash import app_hash
from node.core.block import Header, verify_commit
from node.core.encoding import rfc3339
from node.core.errors import InvalidBundle, InvalidProof
from node.core.genesis import decode_genesis
from node.core.merkle import leaf_hash, verify_consistency, verify_inclusion
from node.core.statemap import verify_state_proof
from node.core.verify_case import Case, NotChecked, Told, decode_state_value

__all__ = [
    "check_anchors",
    "check_checkpoint",
    "check_commits",
    "check_form",
    "check_genesis_leaf",
    "check_headers",
    "check_identity",
    "check_operators",
    "check_state",
]


def check_form(case: Case) -> Told:
    """Nothing may stand twice, and what the parts name must be there."""
    bundle = case.need_bundle()
    if bundle.predecessors:
        raise InvalidBundle(
            "bundle.predecessors", "this verifier knows no chain before the genesis"
        )
    chain = bundle.chain
    _rising([header.height for header in chain.headers], "bundle.chain.headers")
    _rising([commit.height for commit in chain.commits], "bundle.chain.commits")
    _rising([roots.height for roots in chain.roots], "bundle.chain.roots")
    keys = [proof.key for proof in bundle.state]
    if len(set(keys)) != len(keys):
        raise InvalidBundle("bundle.state", "proves a key twice")
    if len(set(bundle.disclosures)) != len(bundle.disclosures):
        raise InvalidBundle("bundle.disclosures", "holds a disclosure twice")
    if bundle.as_of != chain.roots[-1].height:
        raise InvalidBundle("bundle.as_of", "must be the height of the newest roots")
    count = len(bundle.entries)
    return Told(
        f"evidence-bundle/1, scope {bundle.scope}, {count} record(s)",
        f"evidence-bundle/1，范围 {bundle.scope}，{count} 条记录",
    )


def _rising(heights: list[int], place: str) -> None:
    if heights != sorted(set(heights)):
        raise InvalidBundle(place, "must be in order of height, each height once")


def check_identity(case: Case) -> Told:
    """The genesis must be the one that the trust file names."""
    genesis = decode_genesis(case.need_bundle().chain.genesis)
    if genesis.hash != case.trust.genesis_hash:
        raise InvalidProof("genesis", "its hash is not the one in the trust file")
    if genesis.chain_id != case.trust.chain_id:
        raise InvalidProof("genesis.chain_id", "is not the one in the trust file")
    case.genesis = genesis
    digest = genesis.hash.hex()
    return Told(
        f"chain {genesis.chain_id}, genesis {digest}", f"链 {genesis.chain_id}，创世哈希 {digest}"
    )


def check_commits(case: Case) -> Told:
    """Every commit needs more than 2/3 of the power of a set that leads back to the genesis."""
    chain, genesis = case.need_bundle().chain, case.need_genesis()
    headers = {header.height: header for header in chain.headers}
    sets = {validators.hash(): validators for validators in chain.validator_sets}
    used = set()
    current = genesis.validator_set.hash()
    for commit in chain.commits:
        header = headers.get(commit.height)
        if header is None:
            raise InvalidProof(f"commit {commit.height}", "its header is not in the bundle")
        if header.chain_id != genesis.chain_id:
            raise InvalidProof(f"header {header.height}", "is of another chain")
        if header.height < genesis.initial_height:
            raise InvalidProof(f"header {header.height}", "is before the chain's first height")
        if header.validators_hash != current:
            raise InvalidProof(f"header {header.height}", "a change of validators is not shown")
        if current not in sets:
            raise InvalidProof(f"header {header.height}", "its validator set is not in the bundle")
        verify_commit(header, commit, sets[current], case.backend)
        used.add(current)
        current = header.next_validators_hash
        case.headers[header.height] = header
    if len(used) != len(chain.validator_sets):
        raise InvalidProof("bundle.chain.validator_sets", "holds a set that no commit uses")
    count = len(chain.commits)
    return Told(
        f"{count} commit(s), each signed by more than 2/3 of the validators' power",
        f"{count} 个提交，均有超过三分之二权重的验证节点签名",
    )


def check_headers(case: Case) -> Told:
    """Headers without a commit must be named by the next; roots must be what headers commit to."""
    chain = case.need_bundle().chain
    for header in reversed(chain.headers):
        if header.height not in case.headers:
            _check_link(header, case.headers.get(header.height + 1))
            case.headers[header.height] = header
    committed = {commit.height for commit in chain.commits}
    for roots in chain.roots:
        place = f"roots {roots.height}"
        if roots.height + 1 not in committed:
            raise InvalidProof(place, "the next header and its commit are not in the bundle")
        wanted = case.headers[roots.height + 1].app_hash
        if app_hash(roots.size, roots.root, roots.state_root) != wanted:
            raise InvalidProof(place, "are not what the next header's app_hash commits to")
        case.roots[roots.height] = roots
    newest = case.roots[case.need_bundle().as_of]
    time = rfc3339(case.headers[newest.height + 1].time.milliseconds)
    return Told(
        f"as of height {newest.height + 1}, {time}: {newest.size} entries in the log",
        f"截至高度 {newest.height + 1}（{time}），日志共 {newest.size} 条",
    )


def _check_link(header: Header, after: Header | None) -> None:
    place = f"header {header.height}"
    if after is None:
        raise InvalidProof(place, "neither a commit nor the next header vouches for it")
    if after.last_block_id.hash != header.hash():
        raise InvalidProof(place, "is not the one that the next header names")


def check_genesis_leaf(case: Case) -> Told:
    """The log must begin with the genesis."""
    bundle, genesis = case.need_bundle(), case.need_genesis()
    newest = case.roots[bundle.as_of]
    verify_inclusion(
        leaf_hash(genesis.document),
        genesis.first_index,
        newest.size,
        bundle.chain.genesis_path,
        newest.root,
    )
    return Told("the genesis is the log's first entry", "创世文件为日志首条")


def check_state(case: Case) -> Told:
    """Every proof must hold under the newest state root."""
    bundle = case.need_bundle()
    root = case.roots[bundle.as_of].state_root
    for proof in bundle.state:
        verify_state_proof(proof, root)
        case.state[proof.key] = (
            None if proof.value is None else decode_state_value(proof.value, proof.key)
        )
    details = [_seal_line(key, value) for key, value in case.state.items() if key[:5] == "seal/"]
    count = len(bundle.state)
    return Told(f"{count} proof(s) hold", f"{count} 项状态证明有效", tuple(details))


def _seal_line(key: str, value: dict[str, object] | None) -> str:
    if value is None:
        return f"{key}: does not exist"
    return f"{key}: {value.get('status')} (version {value.get('status_version')})"


def check_checkpoint(case: Case) -> Told:
    """The log must continue the checkpoint that the holder of the trust file knows."""
    bundle, known = case.need_bundle(), case.trust.checkpoint
    newest = case.roots[bundle.as_of]
    for proof in bundle.consistency:
        if proof.second != newest.size:
            raise InvalidProof("bundle.consistency", "must lead to the newest size")
        verify_consistency(proof.first, proof.second, proof.proof, proof.root, newest.root)
    if known is None:
        raise NotChecked("the trust file names no checkpoint", "信任文件未包含检查点")
    shown = {roots.size: roots.root for roots in case.roots.values()}
    shown.update({proof.first: proof.root for proof in bundle.consistency})
    if known.size not in shown:
        raise NotChecked(
            f"the bundle does not lead back to the known size {known.size}",
            f"证据包未包含到已知大小 {known.size} 的一致性证明",
        )
    if shown[known.size] != known.root:
        raise InvalidProof(
            "checkpoint", f"at size {known.size} the log had another root: this log was forked"
        )
    return Told(
        f"continues the log known at size {known.size}", f"延续已知大小 {known.size} 的日志"
    )


def check_anchors(case: Case) -> Told:
    """Receipts of outside chains, each named by who vouches."""
    anchors = case.need_bundle().anchors
    if not anchors:
        raise NotChecked(
            "the bundle holds no receipt of an outside chain or time-stamp authority",
            "证据包不含第三方链或时间戳机构的回执",
        )
    kinds = ", ".join(sorted({str(anchor.get("kind"))[:40] for anchor in anchors}))
    raise NotChecked(
        f"this verifier knows no receipts of the kinds: {kinds}",
        f"本核验程序不识别的回执类型：{kinds}",
    )


def check_operators(case: Case) -> Told:
    """How many parties would have had to lie together."""
    genesis = case.need_genesis()
    parties = sorted({item.member for item in genesis.validators})
    if len(parties) == 1:
        raise NotChecked(
            f"one operator ({parties[0]}): the log is protected from that operator only from its "
            "first anchor on",
            f"单一运营方（{parties[0]}）：自首次第三方存证起，日志方可防范该运营方自身",
        )
    text = ", ".join(parties)
    return Told(
        f"{len(parties)} operators at genesis: {text}", f"创世时共 {len(parties)} 个运营方：{text}"
    )
