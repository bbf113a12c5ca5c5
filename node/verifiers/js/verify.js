/**
 * The offline verifier: a bundle and a trust file in, numbered steps out (docs/spec/bundle.md,
 * "Verification"). Mirrors node/core/verify.py.
 *
 * Each step passes, fails, or says that it was not checked and why. Nothing is asked of any node.
 * The steps run in the order in which each rests on those before it; a step whose ground failed is
 * not checked.
 */

import { checkAnchors, checkTrusted } from "./anchors/verify_anchors.js";
import { decodeBundle } from "./bundle.js";
import { Case, FAILED, NOT_CHECKED, PASSED, Told } from "./case.js";
import { InvalidInput, NotChecked } from "./errors.js";
import { failureZh } from "./failure_texts.js";
import { decodeTrust } from "./trust.js";
import {
  checkCommits, checkForm, checkHeaders, checkIdentity, checkState,
} from "./verify_chain.js";
import { checkCheckpoint, checkGenesisLeaf } from "./verify_log.js";
import { checkOperators } from "./verify_operators.js";
import {
  checkDisclosures, checkHead, checkInclusion, checkOrder, checkRecordForm, checkTimes,
} from "./verify_records.js";
import { checkKeys, checkSignatures } from "./verify_signers.js";

/** The steps in their order: id, titles, the ids that each rests on, and what checks it. */
export const STEPS = [
  step("bundle.form", "Form of the bundle", "证据包格式", [], checkForm),
  step("chain.identity", "Chain and genesis", "链与创世文件", ["bundle.form"], checkIdentity),
  step("chain.commits", "Signatures of the validators", "验证节点签名", ["chain.identity"],
    checkCommits),
  step("chain.headers", "Block headers and roots", "区块头与根哈希", ["chain.commits"],
    checkHeaders),
  step("log.genesis", "Genesis in the log", "创世文件在日志中", ["chain.headers"],
    checkGenesisLeaf),
  step("state.proofs", "Proofs of the state map", "状态证明", ["chain.headers"], checkState),
  step("entries.form", "Form of entries and transactions", "条目与交易格式", ["bundle.form"],
    checkRecordForm),
  step("entries.inclusion", "Entries in the log", "条目在日志中",
    ["entries.form", "chain.headers"], checkInclusion),
  step("dossier.chain", "Order of the records", "记录顺序", ["entries.form"], checkOrder),
  step("dossier.head", "Completeness up to the last record", "记录完整性（至最后一条）",
    ["dossier.chain", "state.proofs"], checkHead),
  step("transactions.keys", "Signers' keys", "签名者密钥", ["entries.form", "state.proofs"],
    checkKeys),
  step("transactions.signatures", "Signatures of the records", "记录签名",
    ["entries.form", "state.proofs"], checkSignatures),
  step("times", "Times on the chain", "上链时间", ["entries.inclusion"], checkTimes),
  step("disclosures", "Disclosed private fields", "已披露的私密字段", ["entries.form"],
    checkDisclosures),
  step("log.checkpoint", "Known checkpoint of the log", "已知检查点", ["chain.headers"],
    checkCheckpoint),
  step("anchors", "Anchors on outside chains", "第三方存证", ["entries.inclusion"], checkAnchors),
  step("operators", "Independent operators", "独立运营方", ["chain.commits", "state.proofs"],
    checkOperators),
];

function step(id, title, titleZh, needs, check) {
  return Object.freeze({ id, title, titleZh, needs, check });
}

/**
 * Check a bundle against a trust file.
 *
 * @param {Uint8Array} bundleBytes believed in nothing.
 * @param {Uint8Array} trustBytes believed whole.
 * @returns {Promise<{accepted: boolean, trustFingerprint: string, backend: string, steps: Array}>}
 *   all steps in order, each `{number, part, label, id, title, titleZh, status, text, textZh,
 *   details, detailsZh}`: a check of several things has steps of their own behind it, with the same
 *   number and `part` from 1 on. Accepted where no step failed.
 * @throws {InvalidInput} the trust file is not of its format. A bad bundle never throws.
 */
export async function verifyBundle(bundleBytes, trustBytes) {
  const trust = decodeTrust(trustBytes);
  await checkTrusted(trust);
  const case_ = new Case(trust);
  const passed = new Set();
  const steps = [];
  for (const [position, planned] of STEPS.entries()) {
    const { status, told } = await run(planned, case_, bundleBytes, passed);
    if (status === PASSED) {
      passed.add(planned.id);
    }
    steps.push(...reported(position + 1, planned, status, told, case_.parts));
    case_.parts = [];
  }
  return {
    accepted: steps.every((one) => one.status !== FAILED),
    trustFingerprint: trust.fingerprint,
    backend: globalThis.crypto?.subtle === undefined ? "JavaScript" : "WebCrypto",
    steps,
  };
}

/** The step, and one for each of its parts. */
function reported(number, planned, status, told, parts) {
  const { id, title, titleZh } = planned;
  const whole = { number, part: 0, label: String(number), id, title, titleZh, status, ...told };
  return [whole, ...parts.map((part, at) => ({
    number,
    part: at + 1,
    label: `${number}.${at + 1}`,
    id: `${id}.${at + 1}`,
    title: part.title,
    titleZh: part.titleZh,
    status: part.status,
    ...part.told,
  }))];
}

async function run(planned, case_, bundleBytes, passed) {
  const missing = planned.needs.find((need) => !passed.has(need));
  if (missing !== undefined) {
    return { status: NOT_CHECKED, told: restsOn(missing) };
  }
  try {
    if (planned.id === "bundle.form") {
      case_.bundle = decodeBundle(bundleBytes);
    }
    return { status: PASSED, told: await planned.check(case_) };
  } catch (error) {
    if (error instanceof NotChecked) {
      const { text, textZh, details, detailsZh } = error;
      return { status: NOT_CHECKED, told: new Told(text, textZh, details, detailsZh) };
    }
    if (error instanceof InvalidInput) {
      return { status: FAILED, told: new Told(error.message, failureZh(planned.id, error)) };
    }
    throw error;
  }
}

function restsOn(missing) {
  const position = STEPS.findIndex((one) => one.id === missing);
  return new Told(
    `rests on ${missing}, which did not pass`,
    `其依据的第 ${position + 1} 步“${STEPS[position].titleZh}”未通过，故未核验`,
  );
}
