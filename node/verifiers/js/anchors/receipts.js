/**
 * Receipts of all kinds: reading the items of a bundle's `anchors`, and who verifies which. Mirrors
 * node/core/anchors/receipts.py.
 */

import { NotChecked } from "../errors.js";
import { exactMembers, readKind, readObject } from "../fields.js";
import { verifyEvm } from "./evm.js";
import { verifyFabric } from "./fabric.js";
import { readPoint } from "./point.js";
import { verifyRekor } from "./rekor.js";
import { verifyRest } from "./rest.js";
import { verifyRfc3161 } from "./rfc3161.js";

const VERIFIERS = new Map([
  ["evm", verifyEvm],
  ["fabric", verifyFabric],
  ["rekor", verifyRekor],
  ["rest", verifyRest],
  ["rfc3161", verifyRfc3161],
]);

/** Decode an item: `{kind, point, content}`; `content` is its receipt, undecoded. */
export function readAnchorReceipt(value, place) {
  const { kind } = readKind(value, place);
  const members = exactMembers(value, place, ["kind", "point", "receipt"]);
  const point = readPoint(members.point, `${place}.point`);
  return { kind, point, content: readObject(members.receipt, `${place}.receipt`) };
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
