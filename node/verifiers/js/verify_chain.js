/**
 * The verifier's steps about the chain: form, identity, commits, headers, state. Mirrors
 * node/core/verify_chain.py; its step about the operators is verify_operators.js.
 */

import { equal, toHex } from "./bytes.js";
import { appHash, BLOCK_PROTOCOL, RULES_VERSION, verifyCommit } from "./block.js";
import { decodeStateValue, Told } from "./case.js";
import { checkEd25519Key } from "./crypto/signatures.js";
import { InvalidInput } from "./errors.js";
import { decodeGenesis } from "./genesis.js";
import { sealLine } from "./seal_status.js";
import { verifyStateProof } from "./statemap.js";
import { rfc3339 } from "./times.js";
import {
  checkLastHeader, checkLastRoots, explainOtherGenesis, placeOfChain, readGeneses,
} from "./verify_past.js";

/** Step 1. Nothing may stand twice, and what the parts name must be there. */
export function checkForm(case_) {
  const { bundle } = case_;
  bundle.chains.forEach((chain, position) => {
    const place = placeOfChain(case_, position);
    checkRising(chain.headers, `${place}.headers`);
    checkRising(chain.commits, `${place}.commits`);
    checkRising(chain.roots, `${place}.roots`);
  });
  const keys = bundle.state.map((proof) => proof.key);
  if (new Set(keys).size !== keys.length) {
    throw new InvalidInput("bundle.state", "proves a key twice", "同一状态键证明了两次");
  }
  const { roots } = bundle.chain;
  if (bundle.asOf !== roots[roots.length - 1].height) {
    throw new InvalidInput(
      "bundle.as_of", "must be the height of the newest roots", "截止高度不是最新根的高度");
  }
  const count = bundle.entries.length;
  return new Told(
    `evidence-bundle/1, scope ${bundle.scope}, ${count} record(s)`,
    `证据包格式 evidence-bundle/1，范围为${bundle.scope === "dossier" ? "整个卷宗" : "单条记录"}，`
      + `共 ${count} 条记录`,
  );
}

function checkRising(items, place) {
  const rising = items.every((item, at) => at === 0 || items[at - 1].height < item.height);
  if (!rising) {
    throw new InvalidInput(
      place, "must be in order of height, each height once", "须按高度递增且不重复");
  }
}

/** Step 2. The genesis must be the one that the trust file names, and name all before it. */
export function checkIdentity(case_) {
  const genesis = decodeGenesis(case_.bundle.chain.genesis);
  if (!equal(genesis.hash, case_.trust.genesisHash)) {
    throw explainOtherGenesis(case_);
  }
  if (genesis.chainId !== case_.trust.chainId) {
    throw new InvalidInput(
      "genesis.chain_id", "is not the one in the trust file", "链标识与信任文件不符");
  }
  case_.geneses = readGeneses(case_, genesis);
  case_.genesis = genesis;
  const digest = toHex(genesis.hash);
  return new Told(
    `chain ${genesis.chainId}, genesis ${digest}`,
    `链 ${genesis.chainId}，创世文件哈希 ${digest}，与信任文件一致`,
  );
}

/**
 * Step 3. Every commit needs more than 2/3 of the power of a set that leads back to its genesis.
 *
 * Each predecessor must end where the next genesis says.
 */
export async function checkCommits(case_) {
  const { bundle } = case_;
  let count = 0;
  for (const [position, chain] of bundle.chains.entries()) {
    await checkChainCommits(case_, chain, position);
    count += chain.commits.length;
    if (position < bundle.predecessors.length) {
      checkLastHeader(case_, position, chain.headers[chain.headers.length - 1]);
    }
  }
  return new Told(
    `${count} commit(s), each signed by more than 2/3 of the validators' power`,
    `${count} 个提交，均有超过三分之二权重的验证节点签名`,
  );
}

async function checkChainCommits(case_, chain, position) {
  const genesis = case_.geneses[position];
  const headers = new Map(chain.headers.map((header) => [header.height, header]));
  const sets = new Map(chain.validatorSets.map((set) => [set.name, set]));
  const used = new Map();
  let current = genesis.validatorSet.name;
  for (const commit of chain.commits) {
    const header = headers.get(commit.height);
    checkCommitted(header, commit, genesis);
    const set = findSet(sets, current, header);
    if (!used.has(current)) {
      checkSetKeys(set, header.height);
    }
    used.delete(current); // the set that signed last comes last
    used.set(current, set);
    await verifyCommit(header, commit, set);
    current = toHex(header.nextValidatorsHash);
    case_.headers.set(header.height, header);
  }
  if (used.size !== chain.validatorSets.length) {
    throw new InvalidInput(
      `${placeOfChain(case_, position)}.validator_sets`, "holds a set that no commit uses",
      "含有未被使用的验证节点集合");
  }
  if (genesis === case_.genesis) {
    case_.validatorSets = [...used.values()];
  }
}

function checkCommitted(header, commit, genesis) {
  if (header === undefined) {
    throw new InvalidInput(
      `commit ${commit.height}`, "its header is not in the bundle", "证据包中没有其区块头");
  }
  const place = `header ${header.height}`;
  if (header.chainId !== genesis.chainId) {
    throw new InvalidInput(place, "is of another chain", "属于另一条链");
  }
  if (header.height < genesis.initialHeight) {
    throw new InvalidInput(place, "is before the chain's first height", "早于该链的起始高度");
  }
}

function findSet(sets, current, header) {
  const place = `header ${header.height}`;
  if (toHex(header.validatorsHash) !== current) {
    throw new InvalidInput(
      place, "a change of validators is not shown", "未展示验证节点的变更");
  }
  const set = sets.get(current);
  if (set === undefined) {
    throw new InvalidInput(
      place, "its validator set is not in the bundle", "证据包中没有其验证节点集合");
  }
  return set;
}

/** Only now that what is proved asks for them: it takes a millisecond a key. */
function checkSetKeys(set, height) {
  set.validators.forEach((item, position) => {
    checkEd25519Key(item.publicKey, `header ${height}: validators[${position}]`);
  });
}

/**
 * Step 4. Neighbours must be linked, times rise, and roots be what the next header commits to.
 *
 * A header without a commit is vouched for by the next one, and by that alone. None may be of rules
 * that this verifier does not know: what they hold may mean something else.
 */
export function checkHeaders(case_) {
  const { bundle } = case_;
  bundle.chains.forEach(checkLinks);
  checkRisingTimes(bundle.chains.flatMap((chain) => chain.headers));
  bundle.chains.forEach((chain, position) => {
    chain.headers.forEach((header) => case_.headers.set(header.height, header));
    checkRoots(case_, chain);
    if (position < bundle.predecessors.length) {
      const [roots, header] = [chain.roots, chain.headers].map((list) => list[list.length - 1]);
      checkLastRoots(case_, position, roots, header);
    }
  });
  checkOneLog(bundle.chains.flatMap((chain) => chain.roots));
  const { newest } = case_;
  const time = rfc3339(case_.headers.get(newest.height + 1).time.milliseconds);
  return new Told(
    `as of height ${newest.height + 1}, ${time}: ${newest.size} entries in the log`,
    `截至高度 ${newest.height + 1}（${time}），日志共 ${newest.size} 条`,
  );
}

/** A commit that another chain has of the same height vouches for no header of this one. */
function checkLinks(chain) {
  const inBundle = new Map(chain.headers.map((header) => [header.height, header]));
  const committed = new Set(chain.commits.map((commit) => commit.height));
  for (const header of [...chain.headers].reverse()) {
    checkVersion(header);
    const after = inBundle.get(header.height + 1);
    const place = `header ${header.height}`;
    if (after === undefined) {
      if (!committed.has(header.height)) {
        throw new InvalidInput(
          place, "neither a commit nor the next header vouches for it", "没有提交或后一区块头佐证");
      }
    } else if (!equal(after.lastBlockId.hash, header.hash())) {
      throw new InvalidInput(
        place, "is not the one that the next header names", "与后一区块头所指不符");
    }
  }
}

function checkVersion(header) {
  const [protocol, rules] = header.version;
  const place = `header ${header.height}`;
  if (protocol !== BLOCK_PROTOCOL) {
    throw new InvalidInput(
      place, `is of block protocol ${protocol}, this verifier knows ${BLOCK_PROTOCOL} only`,
      `区块协议版本 ${protocol} 未知`);
  }
  if (rules !== RULES_VERSION) {
    throw new InvalidInput(
      place,
      `was made under rules of version ${rules}, this verifier knows ${RULES_VERSION} only`,
      `规则版本 ${rules} 未知`,
    );
  }
}

/** Each block must be later than every one below it, whichever of them are shown. */
function checkRisingTimes(headers) {
  headers.forEach((header, at) => {
    if (at > 0 && !header.time.isAfter(headers[at - 1].time)) {
      throw new InvalidInput(
        `header ${header.height}`, `is not later than header ${headers[at - 1].height}`,
        `时间不晚于高度 ${headers[at - 1].height} 的区块`);
    }
  });
}

function checkRoots(case_, chain) {
  const committed = new Set(chain.commits.map((commit) => commit.height));
  for (const roots of chain.roots) {
    const place = `roots ${roots.height}`;
    if (!committed.has(roots.height + 1)) {
      throw new InvalidInput(
        place, "the next header and its commit are not in the bundle", "证据包中没有下一区块头及其提交");
    }
    const wanted = case_.headers.get(roots.height + 1).appHash;
    if (!equal(appHash(roots.size, roots.root, roots.stateRoot), wanted)) {
      throw new InvalidInput(
        place, "are not what the next header's app_hash commits to", "与下一区块头所承诺的不符");
    }
    case_.roots.set(roots.height, roots);
  }
}

/** A log only grows, so its size never falls, and of one size there is one root. */
function checkOneLog(list) {
  list.slice(1).forEach((roots, at) => {
    const before = list[at];
    const place = `roots ${roots.height}`;
    if (roots.size < before.size) {
      throw new InvalidInput(
        place, `show a smaller log than the roots ${before.height}`, "日志变小");
    }
    if (roots.size === before.size && !equal(roots.root, before.root)) {
      throw new InvalidInput(
        place,
        `at size ${roots.size} the roots ${before.height} have another root: `
          + "this log was forked",
        `大小同为 ${roots.size} 而根不同：日志已分叉`,
      );
    }
  });
}

/** Step 6. Every proof must hold under the newest state root. */
export function checkState(case_) {
  const { bundle } = case_;
  const { stateRoot } = case_.newest;
  for (const proof of bundle.state) {
    verifyStateProof(proof, stateRoot);
    const value = proof.value === null ? null : decodeStateValue(proof.value, proof.key);
    case_.state.set(proof.key, value);
  }
  const time = case_.headers.get(bundle.asOf + 1).time.milliseconds;
  const seals = [...case_.state].filter(([key]) => key.startsWith("seal/"));
  const lines = seals.map(([key, value]) => sealLine(key, value, time));
  const count = bundle.state.length;
  return new Told(
    `${count} proof(s) hold`,
    `${count} 项状态证明成立`,
    lines.map(([line]) => line),
    lines.map(([, line]) => line),
  );
}
