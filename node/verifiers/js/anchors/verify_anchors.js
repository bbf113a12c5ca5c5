/**
 * The verifier's step about anchors: each receipt a step of its own, named by who vouches. Mirrors
 * node/core/verify_anchors.py.
 */

import { equal } from "../bytes.js";
import { FAILED, NOT_CHECKED, PASSED, Part, Told } from "../case.js";
import { InvalidInput, NotChecked } from "../errors.js";
import { partFailureZh } from "../failure_texts.js";
import { rfc3339 } from "../times.js";
import { pointName, proveRoots } from "../verify_log.js";
import { readEvmChain } from "./evm_trust.js";
import { readFabricTrust } from "./fabric_trust.js";
import { readAnchorReceipt, verifyReceipt } from "./receipts.js";
import { readTrustedLog } from "./rekor.js";
import { readServiceEntry } from "./rest_entry.js";
import { decodeCertificate } from "./x509.js";

const CLOCKS_APART = 60_000;
const TITLES = new Map([
  ["evm", ["EVM chain", "EVM 链"]],
  ["fabric", ["Fabric channel", "Fabric 通道"]],
  ["rekor", ["Transparency log", "透明日志"]],
  ["rest", ["REST service", "存证服务接口"]],
  ["rfc3161", ["Time-stamp authority", "时间戳机构"]],
]);
const TRUSTED = new Map([
  ["evm", readEvmChain],
  ["fabric", readFabricTrust],
  ["rekor", readTrustedLog],
  ["rest", readServiceEntry],
]);

/**
 * Check what a trust file says of those who vouch: entries of known kinds, and certificates.
 *
 * @throws {InvalidInput} names the place and the rule.
 */
export function checkTrusted(trust) {
  trust.tsaRoots.forEach((root, position) => {
    decodeCertificate(root, `trust.tsa_roots[${position}]`);
  });
  trust.signerRoots.forEach((root, position) => {
    decodeCertificate(root, `trust.signer_roots[${position}]`);
  });
  trust.anchors.forEach((entry, position) => {
    TRUSTED.get(entry.kind)?.(entry, `trust.anchors[${position}]`);
  });
}

/**
 * Step 16. Every receipt must be of a point that the log shown continues, and vouch for it.
 *
 * What came of each is put into `case_.parts`. The whole passes when one of them vouches for a
 * record and none fails.
 *
 * @returns {Promise<Told>}
 */
export async function checkAnchors(case_) {
  const items = case_.bundle.anchors;
  if (items.length === 0) {
    throw new NotChecked(
      "the bundle holds no receipt of an outside chain or time-stamp authority",
      "证据包不含第三方链或时间戳机构的回执",
    );
  }
  const roots = proveRoots(case_);
  const found = [];
  for (const [position, value] of items.entries()) {
    const checked = await checkOne(case_, roots, value, position);
    if (checked !== null) {
      found.push(checked);
    }
  }
  refuseFailed(case_.parts);
  if (found.length === 0) {
    throw new NotChecked(
      `${items.length} receipt(s), and none leads to what the trust file names`,
      `共 ${items.length} 份回执，均未指向信任文件所列机构`,
    );
  }
  case_.anchored = found.filter(({ size }) => covered(case_, size) > 0)
    .map(({ vouched }) => vouched.time).sort((one, other) => one - other);
  if (case_.anchored.length === 0) {
    throw new NotChecked(
      `${found.length} receipt(s) hold, and none is of a log that had one of the records`,
      `${found.length} 份回执成立，但所涉日志均不含本证据包的记录`,
    );
  }
  return summary(case_, found);
}

function refuseFailed(parts) {
  const failed = parts.find((part) => part.status === FAILED);
  if (failed !== undefined) {
    const { title, titleZh, told } = failed;
    const [short] = told.textZh.split("。错误位置");
    throw new InvalidInput("anchors", `${title}: ${told.text}`, `${titleZh}：${short}`);
  }
}

/** `{size, vouched}` of a receipt that holds, or null; its part is put into the case. */
async function checkOne(case_, roots, value, position) {
  const place = `bundle.anchors[${position}]`;
  const [title, titleZh] = titleOf(value.kind);
  try {
    const item = readAnchorReceipt(value, place);
    checkPoint(case_, roots, item.point, `${place}.point`);
    const vouched = await verifyReceipt(item, case_.trust, place);
    const told = toldOf(case_, item.point.size, vouched);
    case_.parts.push(new Part(PASSED, vouched.by, vouched.by, told));
    return { size: item.point.size, vouched };
  } catch (error) {
    const [status, told] = outcome(error);
    case_.parts.push(new Part(status, title, titleZh, told));
    return null;
  }
}

/** How a receipt that does not vouch for its point has ended, and what is said of it. */
function outcome(error) {
  if (error instanceof NotChecked) {
    const { text, textZh, details, detailsZh } = error;
    return [NOT_CHECKED, new Told(text, textZh, details, detailsZh)];
  }
  if (error instanceof InvalidInput) {
    const textZh = partFailureZh(error, "回执不符合其格式或不成立");
    return [FAILED, new Told(error.message, textZh)];
  }
  throw error;
}

/** What a receipt is called whose signer's name nothing vouches for. */
function titleOf(kind) {
  return TITLES.get(kind) ?? [`Receipt of the kind ${kind}`, `${kind} 类回执`];
}

/** The point must be one of the log, the state map and the headers that the bundle shows. */
function checkPoint(case_, roots, point, place) {
  if (point.chainId !== case_.genesisAt(point.height).chainId) {
    throw new InvalidInput(
      `${place}.chain_id`, "is not that of the chain of its height", "不是该高度所属链的标识");
  }
  if (!roots.has(pointName(point.size, point.root))) {
    throw new InvalidInput(
      place,
      `the bundle does not show that its log continues the one of size ${point.size}`,
      `证据包未证明其日志延续大小为 ${point.size} 的日志`,
    );
  }
  const header = case_.headers.get(point.height + 1);
  if (header !== undefined && !equal(header.hash(), point.header)) {
    throw new InvalidInput(
      `${place}.header`,
      "is not the hash of the header in the bundle",
      "与证据包中的区块头哈希不符",
    );
  }
  const shown = case_.roots.get(point.height);
  if (shown !== undefined && !(shown.size === point.size && equal(shown.root, point.root)
      && equal(shown.stateRoot, point.stateRoot))) {
    throw new InvalidInput(
      place,
      `height ${point.height} has other roots in the bundle`,
      `证据包中高度 ${point.height} 的根与此不同`,
    );
  }
}

/** How many of the records the log of this size had. */
function covered(case_, size) {
  return case_.records.filter((record) => record.bundled.index < size).length;
}

function toldOf(case_, size, vouched) {
  const when = rfc3339(vouched.time);
  const [records, all] = [covered(case_, size), case_.records.length];
  const [doubt, doubtZh] = doubtOf(case_, size, vouched.time);
  return new Told(
    `the log of size ${size} existed no later than ${when}, and with it ${records} of ${all} `
      + `record(s): ${vouched.how}${doubt}`,
    `大小为 ${size} 的日志不晚于 ${when} 已存在，其中含本证据包 ${all} 条记录中的 ${records} 条：`
      + `${vouched.howZh}${doubtZh}`,
    vouched.details,
    vouched.detailsZh,
  );
}

/** What is said where a record bears a time, by its block, behind that at which it was there. */
function doubtOf(case_, size, time) {
  const later = case_.records
    .filter((record) => record.bundled.index < size)
    .map((record) => case_.headers.get(record.entry.height)?.time.milliseconds ?? time)
    .reduce((latest, one) => Math.max(latest, one), time);
  if (later <= time + CLOCKS_APART) {
    return ["", ""];
  }
  const when = rfc3339(later);
  return [
    `; BUT a record in it is of ${when} by its block: one of the two clocks is wrong`,
    `；但其中有记录的区块时间为 ${when}：两者之一的时钟有误`,
  ];
}

/** From when on all records shown are vouched for, and by whom; or how many are not. */
function summary(case_, found) {
  const count = case_.records.length;
  const names = [...new Set(found.map(({ vouched }) => vouched.by))].sort().join(", ");
  const whole = found.filter(({ size }) => covered(case_, size) === count);
  if (whole.length === 0) {
    const most = Math.max(...found.map(({ size }) => covered(case_, size)));
    return new Told(
      `${most} of ${count} record(s) vouched for by ${names}; the bundle holds no receipt for what `
        + "came later",
      `${count} 条记录中的 ${most} 条由 ${names} 佐证；其后的记录，本证据包未附回执`,
    );
  }
  const { by, time } = earliest(whole.map(({ vouched }) => vouched));
  const largest = Math.max(...found.map(({ size }) => size));
  const [doubt, doubtZh] = doubtOf(case_, largest, time);
  return new Told(
    `all ${count} record(s) existed no later than ${rfc3339(time)}, by ${by}; vouched for by `
      + `${names}${doubt}`,
    `全部 ${count} 条记录不晚于 ${rfc3339(time)} 已存在（${by}）；佐证方：${names}${doubtZh}`,
  );
}

/** The first in time; of several at one time, that of the first name. */
function earliest(all) {
  return all.reduce((first, one) => (
    one.time < first.time || (one.time === first.time && one.by < first.by) ? one : first
  ));
}
