/** A seal's status as a verifier tells it (docs/spec/bundle.md, "6 state.proofs"). */

import { shown } from "./shown.js";
import { rfc3339 } from "./times.js";

const CHINESE = new Map([
  ["active", "有效"],
  ["cancelled", "已注销"],
  ["expired", "已过有效期"],
  ["lost", "已挂失"],
  ["not yet valid", "尚未生效"],
  ["revoked", "已吊销"],
  ["suspended", "已停用"],
]);

/**
 * A seal's status at a time, derived from its validity: the state map holds no expiry.
 *
 * @param {string} key of the state map, `seal/<es_id>`.
 * @param {object|null} value what is proven of it; null where it is absent.
 * @param {number} time in ms.
 * @returns {[string, string]} a line in English, and one in Chinese.
 */
export function sealLine(key, value, time) {
  if (value === null) {
    return [`${key}: does not exist`, `${key}：不存在`];
  }
  const { valid_from: start, valid_to: end } = value;
  const status = statusAt(value, time);
  const version = shown(value.status_version);
  const from = status === "not yet valid" ? rfc3339(start) : "";
  const to = Number.isInteger(end) ? rfc3339(end) : "";
  const validity = `${from === "" ? "" : ` from ${from}`}${to === "" ? "" : ` to ${to}`}`;
  const validityZh = `${from === "" ? "" : `自 ${from} 起`}${to === "" ? "" : `至 ${to} 止`}`;
  return [
    `${key}: ${status} (version ${version})${validity === "" ? "" : `, valid${validity}`}`,
    `${key}：${CHINESE.get(status) ?? status}（第 ${version} 版）`
      + `${validityZh === "" ? "" : `，有效期${validityZh}`}`,
  ];
}

function statusAt({ status, valid_from: start, valid_to: end }, time) {
  const mayExpire = status === "active" || status === "suspended";
  if (mayExpire && Number.isInteger(end) && time > end) {
    return "expired";
  }
  if (status === "active" && Number.isInteger(start) && time < start) {
    return "not yet valid";
  }
  return shown(status);
}
