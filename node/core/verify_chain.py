"""The verifier's steps about the chain: form, identity, commits, headers, state, operators."""

from __future__ import annotations

from collections.abc import Sequence

from node.core.apphash import app_hash
from node.core.block import (
    BLOCK_PROTOCOL,
    RULES_VERSION,
    Header,
    Validator,
    ValidatorSet,
    verify_commit,
)
from node.core.bundle import BundledChain, Roots
from node.core.encoding import rfc3339
from node.core.errors import InvalidBundle, InvalidProof
from node.core.genesis import Genesis, decode_genesis
from node.core.signatures import check_ed25519_key
from node.core.statemap import verify_state_proof
from node.core.verify_case import Case, NotChecked, Told, decode_state_value
from node.core.verify_past import (
    check_last_header,
    check_last_roots,
    describe_past,
    explain_other_genesis,
    place_of_chain,
    read_geneses,
)

__all__ = [
    "check_commits",
    "check_form",
    "check_headers",
    "check_identity",
    "check_operators",
    "check_state",
]

"""As many kinds of receipts are named; whoever made the bundle may have made up thousands."""


def check_form(case: Case) -> Told:
    """Nothing may stand twice, and what the parts name must be there."""
    bundle = case.need_bundle()
    for position, chain in enumerate(bundle.chains):
        place = place_of_chain(case, position)
        _rising([header.height for header in chain.headers], f"{place}.headers")
        _rising([commit.height for commit in chain.commits], f"{place}.commits")
        _rising([roots.height for roots in chain.roots], f"{place}.roots")
    keys = [proof.key for proof in bundle.state]
    if len(set(keys)) != len(keys):
        raise InvalidBundle("bundle.state", "proves a key twice")
    if bundle.as_of != bundle.chain.roots[-1].height:
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
    """The genesis must be the one that the trust file names, and name all that came before it."""
    genesis = decode_genesis(case.need_bundle().chain.genesis)
    if genesis.hash != case.trust.genesis_hash:
        raise explain_other_genesis(case)
    if genesis.chain_id != case.trust.chain_id:
        raise InvalidProof("genesis.chain_id", "is not the one in the trust file")
    case.geneses = read_geneses(case, genesis)
    case.genesis = genesis
    digest = genesis.hash.hex()
    return Told(
        f"chain {genesis.chain_id}, genesis {digest}", f"链 {genesis.chain_id}，创世哈希 {digest}"
    )


def check_commits(case: Case) -> Told:
    """Every commit needs more than 2/3 of the power of a set that leads back to its genesis.

    Each predecessor must end where the next genesis says.
    """
    bundle, count = case.need_bundle(), 0
    for position, (chain, genesis) in enumerate(zip(bundle.chains, case.geneses)):
        _check_chain_commits(case, chain, genesis, place_of_chain(case, position))
        count += len(chain.commits)
        if position < len(bundle.predecessors):
            check_last_header(case, position, chain.headers[-1])
    return Told(
        f"{count} commit(s), each signed by more than 2/3 of the validators' power",
        f"{count} 个提交，均有超过三分之二权重的验证节点签名",
    )


def _check_chain_commits(case: Case, chain: BundledChain, genesis: Genesis, place: str) -> None:
    headers = {header.height: header for header in chain.headers}
    sets = {validators.hash(): validators for validators in chain.validator_sets}
    used: dict[bytes, ValidatorSet] = {}
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
        if current not in used:
            _check_keys(sets[current], header.height)
        used[current] = used.pop(current, sets[current])  # the set that signed last comes last
        verify_commit(header, commit, sets[current], case.backend)
        current = header.next_validators_hash
        case.headers[header.height] = header
    if len(used) != len(chain.validator_sets):
        raise InvalidProof(f"{place}.validator_sets", "holds a set that no commit uses")
    if genesis is case.genesis:
        case.validator_sets = list(used.values())


def _check_keys(validators: ValidatorSet, height: int) -> None:
    """Only now that what is proved asks for them: it takes a millisecond a key."""
    for position, item in enumerate(validators.validators):
        check_ed25519_key(item.public_key, place=f"header {height}: validators[{position}]")


def check_headers(case: Case) -> Told:
    """Neighbours must be linked, times rise, and roots be what the next header commits to.

    A header without a commit is vouched for by the next one, and by that alone. None may be of
    rules that this verifier does not know: what they hold may mean something else.
    """
    bundle = case.need_bundle()
    for chain in bundle.chains:
        _check_links(chain)
    _check_rising_times([header for chain in bundle.chains for header in chain.headers])
    for position, chain in enumerate(bundle.chains):
        case.headers.update((header.height, header) for header in chain.headers)
        _check_roots(case, chain)
        if position < len(bundle.predecessors):
            check_last_roots(case, position, chain.roots[-1], chain.headers[-1])
    _check_one_log([roots for chain in bundle.chains for roots in chain.roots])
    newest = case.roots[bundle.as_of]
    time = rfc3339(case.headers[newest.height + 1].time.milliseconds)
    return Told(
        f"as of height {newest.height + 1}, {time}: {newest.size} entries in the log",
        f"截至高度 {newest.height + 1}（{time}），日志共 {newest.size} 条",
    )


def _check_links(chain: BundledChain) -> None:
    """A commit that another chain has of the same height vouches for no header of this one."""
    shown = {header.height: header for header in chain.headers}
    committed = {commit.height for commit in chain.commits}
    for header in reversed(chain.headers):
        _check_version(header)
        after = shown.get(header.height + 1)
        if after is not None:
            _check_link(header, after)
        elif header.height not in committed:
            raise InvalidProof(
                f"header {header.height}", "neither a commit nor the next header vouches for it"
            )


def _check_roots(case: Case, chain: BundledChain) -> None:
    committed = {commit.height for commit in chain.commits}
    for roots in chain.roots:
        place = f"roots {roots.height}"
        if roots.height + 1 not in committed:
            raise InvalidProof(place, "the next header and its commit are not in the bundle")
        wanted = case.headers[roots.height + 1].app_hash
        if app_hash(roots.size, roots.root, roots.state_root) != wanted:
            raise InvalidProof(place, "are not what the next header's app_hash commits to")
        case.roots[roots.height] = roots


def _check_version(header: Header) -> None:
    protocol, rules = header.version
    if protocol != BLOCK_PROTOCOL:
        raise InvalidProof(
            f"header {header.height}",
            f"is of block protocol {protocol}, this verifier knows {BLOCK_PROTOCOL} only",
        )
    if rules != RULES_VERSION:
        raise InvalidProof(
            f"header {header.height}",
            f"was made under rules of version {rules}, this verifier knows {RULES_VERSION} only",
        )


def _check_link(header: Header, after: Header) -> None:
    if after.last_block_id.hash != header.hash():
        raise InvalidProof(f"header {header.height}", "is not the one that the next header names")


def _check_rising_times(headers: Sequence[Header]) -> None:
    """Each block must be later than every one below it, whichever of them are shown."""
    before = headers[0]
    for header in headers[1:]:
        if header.time <= before.time:
            raise InvalidProof(
                f"header {header.height}", f"is not later than header {before.height}"
            )
        before = header


def _check_one_log(shown: Sequence[Roots]) -> None:
    """A log only grows, so its size never falls, and of one size there is one root."""
    before = shown[0]
    for roots in shown[1:]:
        place = f"roots {roots.height}"
        if roots.size < before.size:
            raise InvalidProof(place, f"show a smaller log than the roots {before.height}")
        if roots.size == before.size and roots.root != before.root:
            raise InvalidProof(
                place,
                f"at size {roots.size} the roots {before.height} have another root: "
                "this log was forked",
            )
        before = roots


def check_state(case: Case) -> Told:
    """Every proof must hold under the newest state root."""
    bundle = case.need_bundle()
    root = case.roots[bundle.as_of].state_root
    for proof in bundle.state:
        verify_state_proof(proof, root)
        case.state[proof.key] = (
            None if proof.value is None else decode_state_value(proof.value, proof.key)
        )
    time = case.headers[bundle.as_of + 1].time.milliseconds
    details = [
        _seal_line(key, value, time) for key, value in case.state.items() if key[:5] == "seal/"
    ]
    count = len(bundle.state)
    return Told(f"{count} proof(s) hold", f"{count} 项状态证明有效", tuple(details))


def _seal_line(key: str, value: dict[str, object] | None, time: int) -> str:
    """A seal's status at ``time`` (ms), derived from its validity (docs/spec/state-map.md#seal)."""
    if value is None:
        return f"{key}: does not exist"
    status, start, end = value.get("status"), value.get("valid_from"), value.get("valid_to")
    validity = "" if type(end) is not int else f" to {rfc3339(end)}"
    if status in ("active", "suspended") and type(end) is int and time > end:
        status = "expired"
    elif status == "active" and type(start) is int and time < start:
        status, validity = "not yet valid", f" from {rfc3339(start)}{validity}"
    version = value.get("status_version")
    return f"{key}: {status} (version {version}){', valid' if validity else ''}{validity}"


def check_operators(case: Case) -> Told:
    """Who would have had to lie together, in each set of validators that signed."""
    genesis = case.need_genesis()
    owners = {item.validator.public_key: item.member for item in genesis.validators}
    past = describe_past(case)
    phases = [_powers(case, owners, validators) for validators in case.validator_sets]
    for powers in phases:
        _check_several(powers, past, case.anchored)
    parties, changes = sorted(phases[-1]), len(phases) - 1
    text = f"{len(parties)} operators: {', '.join(parties)}"
    text_zh = f"共 {len(parties)} 个运营方：{', '.join(parties)}"
    if not changes:
        return Told(text, text_zh, past)
    return Told(
        f"{text}; after {changes} other set(s) of validators",
        f"{text_zh}；此前有过 {changes} 组验证节点",
        (
            "whoever holds keys of validators that have left could sign another history of their "
            "time: an anchor or time-stamp made then rules that out for the log that it is of"
            f"{_since(case)}",
            *past,
        ),
    )


def _since(case: Case) -> str:
    if not case.anchored:
        return ""
    return f"; the earliest shown is of {rfc3339(case.anchored[0])} (step 16)"


def _powers(case: Case, owners: dict[bytes, str], validators: ValidatorSet) -> dict[str, int]:
    """The power of each member in a set, of all its validators together."""
    powers: dict[str, int] = {}
    for item in validators.validators:
        member = _operator(case, owners, item)
        powers[member] = powers.get(member, 0) + item.power
    return powers


def _check_several(powers: dict[str, int], past: tuple[str, ...], anchored: list[int]) -> None:
    """Whoever has more than 2/3 of the power signs alone, however many others there are."""
    member, total = max(powers, key=lambda name: powers[name]), sum(powers.values())
    if 3 * powers[member] <= 2 * total:
        return
    others, others_zh = "", ""
    if len(powers) > 1:
        others = f" with {powers[member]} of {total} of the power, which signs without the others"
        others_zh = f"，其权重为 {powers[member]}/{total}，无需其他方即可签名"
    since = f": of those shown, {rfc3339(anchored[0])} (step 16)" if anchored else ""
    since_zh = f"（本证据包所示最早为 {rfc3339(anchored[0])}，见第 16 步）" if anchored else ""
    raise NotChecked(
        f"one operator ({member}){others}: the log is protected from that operator only from "
        f"its first anchor on{since}",
        f"单一运营方（{member}）{others_zh}：自首次第三方存证起，日志方可防范该运营方自身{since_zh}",
        past,
    )


def _operator(case: Case, owners: dict[bytes, str], validator: Validator) -> str:
    """The member that runs a validator: by the genesis, or by the state map, which forgets none."""
    known = owners.get(validator.public_key)
    if known is not None:
        return known
    address = validator.address.hex()
    value = case.state.get(f"validator/{address}")
    if value is None or value.get("public_key") != validator.public_key.hex():
        raise NotChecked(
            f"who runs the validator {address} is not shown",
            f"未展示验证节点 {address} 的运营方，故未核验",
        )
    return str(value.get("member"))
