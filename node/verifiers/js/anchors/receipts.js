/**
 * Receipts of all kinds: reading the items of a bundle's `anchors`, and who verifies which. Mirrors
 * node/core/anchors/receipts.py.
 */

import { NotChecked } from "../errors.js";
import { exactMembers, readKind, readObject } from "../fields.js";
import { verifyEvm } from "./evm.js";
import { readEvmChain } from "./evm_trust.js";
import { verifyFabric } from "./fabric.js";
import { readFabricTrust } from "./fabric_trust.js";
import { readPoint } from "./point.js";
import { readTrustedLog, verifyRekor } from "./rekor.js";
import { verifyRest } from "./rest.js";
import { readServiceEntry } from "./rest_entry.js";
import { verifyRfc3161 } from "./rfc3161.js";
import { decodeCertificate } from "./x509.js";

const VERIFIERS = new Map([
  ["evm", verifyEvm],
  ["fabric", verifyFabric],
  ["rekor", verifyRekor],
  ["rest", verifyRest],
  ["rfc3161", verifyRfc3161],
]);
const TRUSTED = new Map([
  ["evm", readEvmChain],
  ["fabric", readFabricTrust],
  ["rekor", readTrustedLog],
  ["rest", readServiceEntry],
]);

/** Decode an item: `{kind, point, content}`; `content` is its receipt, undecoded. */
export function readAnchorReceipt(value, place) {
  const { kind } = readKind(value, place);
  const members = exactMembers(value, place, ["kind", "point", "receipt"]);
  const point = readPoint(members.point, `${place}.point`);
  return { kind, point, content: readObject(members.receipt, `${place}.receipt`) };
}

/**
 * Check what a trust file says of those who vouch: entries of known kinds, and certificates.
 *
 * @throws {InvalidInput} names the place and the rule.
 */
export function checkTrusted(trust) {
  trust.tsaRoots.forEach((root, position) => {
    decodeCertificate(root, `trust.tsa_roots[${position}]`);
  });
  trust.anchors.forEach((entry, position) => {
    TRUSTED.get(entry.kind)?.(entry, `trust.anchors[${position}]`);
  });
}

/**
 * Check that a receipt vouches for its point.
 *
 * @returns {Promise<Vouched>}
 * @throws {InvalidInput} it is malformed or does not hold.
 * @throws {NotChecked} nothing of its kind is known, or the trust file names nothing that it leads
 *   to.
 */
export async function verifyReceipt(item, trust, place) {
  const verify = VERIFIERS.get(item.kind);
  if (verify === undefined) {
    throw new NotChecked(
      `this verifier knows no receipts of the kind ${item.kind}`,
      `本核验程序不识别的回执类型：${item.kind}`,
    );
  }
  return verify(item.content, item.point, trust, `${place}.receipt`);
}
