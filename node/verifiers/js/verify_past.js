/**
 * What the verifier's steps ask of a chain's predecessors: that it continues them, and which.
 * Mirrors node/core/verify_past.py.
 *
 * A genesis may name the chain before it: the last header, and log and state as that one commits to
 * them. The log goes on behind them, so all chains of a bundle have one log (docs/spec/genesis.md).
 */

import { equal } from "./bytes.js";
import { sha256 } from "./crypto/sha256.js";
import { InvalidInput } from "./errors.js";
import { decodeGenesis } from "./genesis.js";
import { verifyConsistency } from "./merkle.js";
import { rfc3339 } from "./times.js";

/** What errors call the chain at `position`, oldest first. */
export function placeOfChain(case_, position) {
  const past = case_.bundle.predecessors.length;
  return position < past ? `bundle.predecessors[${position}]` : "bundle.chain";
}

/** Why a genesis that is not the trusted one is refused, and what whoever asks can do. */
export function explainOtherGenesis(case_) {
  let rule = "its hash is not the one in the trust file";
  let ruleZh = "创世文件的哈希与信任文件不符";
  const isTrusted = (chain) => equal(sha256(chain.genesis), case_.trust.genesisHash);
  if (case_.bundle.predecessors.some(isTrusted)) {
    rule += `, which is of ${case_.trust.chainId}: this chain says that it continues that one. `
      + "Get the new chain's trust file from those who run it, or use a bundle made before";
    ruleZh += `；本证据包所属的链自称延续 ${case_.trust.chainId}，请向运营方索取新链的信任文件，`
      + "或使用此前生成的证据包";
  }
  return new InvalidInput("genesis", rule, ruleZh);
}

/**
 * The geneses of all chains, oldest first, each named by the one after it.
 * @throws {InvalidInput} one is no genesis, is not of the chain that is named, or too many or too
 *   few are shown.
 */
export function readGeneses(case_, newest) {
  const found = [newest];
  const { predecessors } = case_.bundle;
  for (let position = predecessors.length - 1; position >= 0; position -= 1) {
    const named = found[0].predecessor;
    const place = `bundle.predecessors[${position}]`;
    if (named === null) {
      throw new InvalidInput(place, "is named by no genesis", "没有创世文件指明此前身链");
    }
    const before = decodeGenesis(predecessors[position].genesis);
    if (before.chainId !== named.chainId) {
      throw new InvalidInput(
        `${place}.genesis.chain_id`, `is not ${named.chainId}, which the next genesis names`,
        "与后一创世文件所指的链不符");
    }
    found.unshift(before);
  }
  checkWhole(found);
  return found;
}

function checkWhole(found) {
  const [{ predecessor, chainId }] = found;
  if (predecessor !== null) {
    throw new InvalidInput(
      "bundle.predecessors", `${predecessor.chainId}, which ${chainId} continues, is not shown`,
      `未展示其延续的链 ${predecessor.chainId}`);
  }
  if (new Set(found.map((genesis) => genesis.chainId)).size !== found.length) {
    throw new InvalidInput("bundle.predecessors", "two chains have one id", "两条链标识相同");
  }
}

/**
 * The last header of a predecessor must be the one that the next genesis names.
 * @throws {InvalidInput} it is another, has no commit, or the next chain begins at another height.
 */
export function checkLastHeader(case_, position, last) {
  const after = case_.geneses[position + 1];
  const named = after.predecessor;
  const place = `header ${last.height}`;
  if (!equal(last.hash(), named.headerHash)) {
    throw new InvalidInput(
      place, `is not the last one of ${named.chainId}, which ${after.chainId} names`,
      "不是后一创世文件所指的最后区块头");
  }
  if (!case_.headers.has(last.height)) {
    throw new InvalidInput(
      place, `the last one of ${named.chainId} has no commit`, "前身链的最后区块头没有提交");
  }
  if (after.initialHeight !== last.height + 2) {
    throw new InvalidInput(
      `genesis ${after.chainId}`, `must begin at height ${last.height + 2}, behind ${place}`,
      "起始高度与前身链不衔接");
  }
}

/**
 * The last roots of a predecessor must be those that the next genesis names.
 * @throws {InvalidInput} they are others, or of a block before the last one.
 */
export function checkLastRoots(case_, position, last, header) {
  const named = case_.geneses[position + 1].predecessor;
  const place = `roots ${last.height}`;
  if (last.height !== header.height - 1) {
    throw new InvalidInput(
      place, `the last ones of ${named.chainId} must be of the block before`,
      "前身链的最后根不属于其最后区块头之前的区块");
  }
  const same = last.size === named.size && equal(last.root, named.root)
    && equal(last.stateRoot, named.stateRoot);
  if (!same) {
    throw new InvalidInput(
      place, "are not those that the next genesis names", "与后一创世文件所指的不符");
  }
}

/**
 * The newest log must continue the one that each genesis names.
 *
 * So a genesis fixes every entry before it, whoever holds the old validators' keys by now.
 * @throws {InvalidInput} a proof is missing, or does not hold.
 */
export function checkContinued(case_) {
  const { newest } = case_;
  for (const genesis of case_.geneses.slice(1)) {
    const named = genesis.predecessor;
    const position = case_.bundle.consistency.findIndex((proof) => (
      proof.first === named.size && equal(proof.firstRoot, named.root)
      && proof.second === newest.size && equal(proof.secondRoot, newest.root)
    ));
    if (position < 0) {
      throw new InvalidInput(
        "bundle.consistency",
        `nothing leads from the log of ${named.chainId}, size ${named.size}, to this one`,
        `未证明本日志延续 ${named.chainId} 的日志`,
      );
    }
    checkProof(case_.bundle.consistency[position], `bundle.consistency[${position}]`);
  }
}

/**
 * Check one item of `consistency`, which errors call `place`.
 * @throws {InvalidInput}
 */
export function checkProof(proof, place) {
  try {
    verifyConsistency(
      proof.first, proof.second, proof.proof, proof.firstRoot, proof.secondRoot);
  } catch (error) {
    throw error instanceof InvalidInput ? error.under(place) : error;
  }
}

/**
 * For each predecessor a line: how far it went, and how many parties it had.
 * @returns {[string[], string[]]} the lines in English, and in Chinese.
 */
export function describePast(case_) {
  const lines = [];
  const linesZh = [];
  case_.geneses.slice(1).forEach((after, position) => {
    const { chainId, validators } = case_.geneses[position];
    const parties = [...new Set(validators.map((item) => item.member))];
    const isOne = parties.length === 1;
    const who = isOne ? `one operator (${parties[0]})` : `${parties.length} operators`;
    const whoZh = isOne ? `单一运营方（${parties[0]}）` : `${parties.length} 个运营方`;
    const [end, time] = [after.initialHeight - 2, rfc3339(after.genesisTime)];
    const { size } = after.predecessor;
    lines.push(
      `up to height ${end} the chain ${chainId}, ${who}: its log of ${size} entries is fixed by `
        + `the genesis of ${after.chainId}, which says that it is of ${time}, and before by its `
        + "anchors alone");
    linesZh.push(
      `至高度 ${end} 为链 ${chainId}（${whoZh}）：其 ${size} 条日志由 ${after.chainId} 的创世文件固定，`
        + `该文件自称作成于 ${time}；此前仅由其第三方存证固定`);
  });
  return [lines, linesZh];
}
