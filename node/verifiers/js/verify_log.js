/**
 * The verifier's steps about the log: the geneses in it, and the reader's checkpoint. Mirrors
 * node/core/verify_log.py.
 */

import { equal, toHex } from "./bytes.js";
import { Told } from "./case.js";
import { InvalidInput, NotChecked } from "./errors.js";
import { leafHash, verifyInclusion } from "./merkle.js";
import { checkContinued, checkProof, placeOfChain } from "./verify_past.js";

/** Step 5. The log must begin with the oldest genesis, and hold each other where it continues. */
export function checkGenesisLeaf(case_) {
  const { bundle, geneses, newest } = case_;
  bundle.chains.forEach((chain, position) => {
    const genesis = geneses[position];
    const leaf = leafHash(genesis.document);
    try {
      verifyInclusion(leaf, genesis.index, newest.size, chain.genesisPath, newest.root);
    } catch (error) {
      throw error instanceof InvalidInput
        ? error.under(`${placeOfChain(case_, position)}.genesis`)
        : error;
    }
  });
  checkContinued(case_);
  if (bundle.predecessors.length === 0) {
    return new Told("the genesis is the log's first entry", "创世文件为日志首条");
  }
  const [oldest] = geneses;
  const last = case_.genesis;
  return new Told(
    `the log begins with the genesis of ${oldest.chainId}; that of ${last.chainId} is entry `
      + `${last.index}, and continues it`,
    `日志首条为 ${oldest.chainId} 的创世文件；${last.chainId} 的创世文件为第 ${last.index} 条，`
      + "并延续此前日志",
  );
}

/**
 * Step 15. The log must lead to the checkpoint that the holder of the trust file knows.
 *
 * Only what the validators signed can show that it was forked.
 */
export function checkCheckpoint(case_) {
  const known = case_.trust.checkpoint;
  const { newest } = case_;
  const reached = provedEnds(case_);
  if (known === null) {
    throw new NotChecked("the trust file names no checkpoint", "信任文件未包含检查点，故未核验");
  }
  const signed = [...case_.roots.values()];
  const proved = [...reached.filter((end) => end.size <= newest.size), ...signed];
  if (proved.some((end) => end.size === known.size && !equal(end.root, known.root))) {
    throw new InvalidInput(
      "checkpoint", `at size ${known.size} the log had another root: this log was forked`,
      `大小为 ${known.size} 时日志的根与检查点不同：日志已分叉`);
  }
  if (!reached.some((end) => end.size === known.size && equal(end.root, known.root))) {
    throw new InvalidInput(
      "checkpoint",
      `the bundle does not lead to the known size ${known.size}: fetch the bundle with `
        + `from_size=${known.size}`,
      `证据包未证明延续已知大小 ${known.size} 的日志，请以 from_size=${known.size} 重新获取证据包`,
    );
  }
  return leadsTo(known.size, newest.size);
}

function leadsTo(known, newest) {
  if (known > newest) {
    return new Told(
      `the log known at size ${known} continues this one of size ${newest}`,
      `大小 ${known} 的已知日志延续本证据包所示大小 ${newest} 的日志`,
    );
  }
  return new Told(`continues the log known at size ${known}`, `延续已知大小 ${known} 的日志`);
}

/** What a size and root of the log are called in the set that `proveRoots` gives. */
export function pointName(size, root) {
  return `${size} ${toHex(root)}`;
}

/**
 * Sizes and roots, none beyond the newest, that the log shown is proved to continue.
 *
 * That a header with its commit names a root does not make it one of them: whoever signs alone can
 * sign two logs, and show one beside the anchors of the other.
 *
 * @returns {Set<string>} their `pointName`s.
 * @throws {InvalidInput} a proof of `consistency` does not hold.
 */
export function proveRoots(case_) {
  const ends = provedEnds(case_).filter((end) => end.size <= case_.newest.size);
  return new Set(ends.map((end) => pointName(end.size, end.root)));
}

/**
 * Both ends, `{size, root}`, of every proof of `consistency`, each of which must hold and have the
 * newest size and root as one of them.
 */
function provedEnds(case_) {
  const { bundle, newest } = case_;
  const reached = [{ size: newest.size, root: newest.root }];
  const isNewest = (end) => end.size === newest.size && equal(end.root, newest.root);
  bundle.consistency.forEach((proof, position) => {
    const place = `bundle.consistency[${position}]`;
    const ends = [
      { size: proof.first, root: proof.firstRoot },
      { size: proof.second, root: proof.secondRoot },
    ];
    if (!ends.some(isNewest)) {
      throw new InvalidInput(
        place, "must lead to or from the newest size and root", "一致性证明与最新日志无关");
    }
    checkProof(proof, place);
    reached.push(...ends);
  });
  return reached;
}
