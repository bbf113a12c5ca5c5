/**
 * The step about a certificate's statement: who signed it, and that it is of what is attached.
 * Mirrors node/core/verify_statement.py.
 */

import { decodeBundle } from "./bundle.js";
import { toHex } from "./bytes.js";
import { PASSED, Told, decodeStateValue } from "./case.js";
import { sha256 } from "./crypto/sha256.js";
import { readJwk, thumbprint, verifyEs256 } from "./crypto/signatures.js";
import { decodeEntry } from "./entry.js";
import { InvalidInput, NotChecked } from "./errors.js";
import { hasMember } from "./fields.js";
import { decodeGenesis } from "./genesis.js";
import { isObject } from "./json.js";
import { rfc3339 } from "./times.js";

const CLOCKS_APART = 60_000;
// Steps of the bundle that this one rests on.
const GROUND = ["chain.identity", "state.proofs", "entries.form", "entries.inclusion"];

/**
 * The statement must be of the attached files, and be signed by its member's key, which the
 * bundle's state proofs show to be in force.
 */
export async function checkStatement(case_) {
  const { statement, pdf: { attachments } } = case_;
  for (const [name, expected] of statement.files) {
    if (toHex(sha256(attachments.get(name))) !== expected) {
      throw new InvalidInput(
        `statement.files.${name}`, "is not the hash of the attached file", "与所附文件的哈希不符");
    }
  }
  checkGround(case_.report);
  const bundle = decodeBundle(attachments.get("bundle.json"));
  const { chainId } = decodeGenesis(bundle.chain.genesis);
  if (statement.chainId !== chainId) {
    throw new InvalidInput(
      "statement.chain_id", `must be ${chainId}, the bundle's chain`, "声明所载的链与证据包不符");
  }
  const shown = shownCode(bundle);
  if (statement.code !== shown) {
    throw new InvalidInput(
      "statement.code", `must be ${shown}, which the bundle is of`, "声明所载的存证编码与证据包不符");
  }
  const shownAt = checkTime(statement, bundle);
  const state = provenState(bundle);
  const key = checkKey(statement, state, bundle.asOf);
  const name = checkMember(statement, state, bundle.asOf);
  await verifySignature(statement, key);
  return toldOf(case_, name, bundle.asOf, rfc3339(shownAt));
}

/** The time (ms) of the state that is shown: nobody signs over what is not there yet. */
function checkTime(statement, bundle) {
  const after = bundle.chain.headers.find(({ height }) => height === bundle.asOf + 1);
  const time = after.time.milliseconds;
  if (statement.iat * 1000 + CLOCKS_APART < time) {
    throw new InvalidInput(
      "statement.iat",
      `is before ${rfc3339(time)}, that of what it is over`,
      "自称的出具时间早于其所依据的账本状态");
  }
  return time;
}

function checkGround(report) {
  for (const needed of GROUND) {
    const ground = report.steps.find((step) => step.id === needed);
    if (ground.status !== PASSED) {
      throw new NotChecked(
        `rests on ${needed}, which did not pass`,
        `其依据的第 ${ground.label} 步“${ground.titleZh}”未通过，故未核验`,
      );
    }
  }
}

async function verifySignature(statement, key) {
  try {
    await verifyEs256(key, statement.signingInput, statement.signature);
  } catch (error) {
    if (error instanceof InvalidInput) {
      throw new InvalidInput(`statement.${error.place}`, error.rule, "签名与公钥不符");
    }
    throw error;
  }
}

function toldOf(case_, name, asOf, shownAt) {
  const { statement } = case_;
  const { issuer, certificateNo, code, software } = statement;
  const said = rfc3339(statement.iat * 1000, { wholeSeconds: true });
  const made = `${software.name} ${software.version}`;
  return new Told(
    `${name} (${issuer}) has signed certificate ${certificateNo} of ${code}; ${said} is its own `
      + "claim",
    `${name}（${issuer}）已签名确认：证书 ${certificateNo}，存证编码 ${code}；时间 ${said} 为其自称`,
    [
      `made by ${made}, configuration SHA-256 ${software.config_sha256}`,
      `key ${statement.kid}, in force at height ${asOf}, ${shownAt}; what was reported of it since `
        + "is not shown",
      `on record: certificate.issued of report_hash ${case_.sha256}, if it is there`,
    ],
    [
      `生成软件 ${made}，配置 SHA-256 ${software.config_sha256}`,
      `密钥 ${statement.kid}，在高度 ${asOf}（${shownAt}）有效；此后是否被报告泄露，此处未展示`,
      `链上如有出证记录（certificate.issued），其 report_hash 应为 ${case_.sha256}`,
    ],
  );
}

function shownCode(bundle) {
  const { code } = decodeEntry(bundle.entries[0].text, "entry");
  return bundle.scope === "record" ? code : code.split("-")[0];
}

/** Values of the state map by their keys; step 6 of the bundle has checked their proofs. */
function provenState(bundle) {
  const wanted = bundle.state.filter(({ key, value }) => (
    value !== null && (key.startsWith("key/") || key.startsWith("member/"))
  ));
  return new Map(wanted.map(({ key, value }) => [key, decodeStateValue(value, key)]));
}

function valueOf(state, key) {
  if (!state.has(key)) {
    throw new InvalidInput(`state ${key}`, "no proof of it is in the bundle", "证据包未附其状态证明");
  }
  return state.get(key);
}

/** The key that the statement names: its member's own, in force at `asOf`, for records. */
function checkKey(statement, state, asOf) {
  const place = `state key/${statement.kid}`;
  const value = valueOf(state, `key/${statement.kid}`);
  const key = readJwk(value.jwk, `${place}.jwk`);
  if (thumbprint(key) !== statement.kid) {
    throw new InvalidInput(place, "is not this key's", "不是此密钥的状态");
  }
  if (value.member !== statement.issuer) {
    throw new InvalidInput(
      place, `is not a key of ${statement.issuer}`, `不是成员 ${statement.issuer} 的密钥`);
  }
  if (hasMember(value, "use")) {
    throw new InvalidInput(place, "may not sign statements", "此密钥不得签署声明");
  }
  const { from: start, to: end } = value;
  if (!Number.isInteger(start) || asOf < start || (Number.isInteger(end) && asOf >= end)) {
    throw new InvalidInput(place, `was not valid at height ${asOf}`, `密钥在高度 ${asOf} 无效`);
  }
  if (hasMember(value, "suspect_from")) {
    throw new InvalidInput(
      place,
      "was reported compromised before this was signed",
      "密钥在签署之前已被报告泄露",
    );
  }
  return key;
}

/** The name of the member, which must be active at `asOf`. */
function checkMember(statement, state, asOf) {
  const place = `state member/${statement.issuer}`;
  const value = valueOf(state, `member/${statement.issuer}`);
  if (inForce(value, "status", asOf) !== "active") {
    throw new InvalidInput(
      place, `was not active at height ${asOf}`, `该成员在高度 ${asOf} 未处于有效状态`);
  }
  const since = value.since ?? 0;
  if (!Number.isInteger(since) || asOf < since) {
    throw new InvalidInput(
      place, `was no member yet at height ${asOf}`, `在高度 ${asOf} 尚不是成员`);
  }
  const name = inForce(value, "name", asOf);
  if (typeof name !== "string") {
    throw new InvalidInput(`${place}.name`, "must be text", "成员名称须为文本");
  }
  return name;
}

/** A member of a state value that may be about to change (docs/spec/state-map.md). */
function inForce(value, name, height) {
  const change = isObject(value.next) ? value.next[name] : undefined;
  if (isObject(change) && Number.isInteger(change.from) && height >= change.from) {
    return change.value;
  }
  return value[name];
}
