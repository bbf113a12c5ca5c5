/**
 * Signed transactions of EVM chains, as far as they say what they attest. Mirrors
 * node/core/anchors/evm_transaction.py.
 */

import { equal } from "../bytes.js";
import { InvalidInput } from "../errors.js";
import { attestCall } from "./evm_block.js";
import { decodeRlp, rlpBytes, rlpItems, rlpNumber } from "./rlp.js";

const MAX_INTEGER = 2n ** 53n - 1n;
const WORD = 2n ** 256n - 1n;

/**
 * Chain id and contract of a signed transaction that attests `point`.
 *
 * Legacy transactions with a chain id (EIP-155) and those of EIP-1559 are known. The signature's
 * form is checked, not whose it is.
 *
 * @returns `[chain id (number), contract (20 bytes)]`
 * @throws {InvalidInput} it is no such transaction, or calls something else.
 */
export function attestingCall(raw, point, place) {
  const parts = raw[0] === 2 ? dynamicFee(raw, place) : legacy(raw, place);
  if (parts.items.some(Array.isArray)) {
    throw new InvalidInput(
      place, "the transaction has a list where bytes must be", "交易中应为字节处出现列表");
  }
  if (parts.chainId < 1n) {
    throw new InvalidInput(place, "the transaction names no chain id", "交易未写明链标识");
  }
  for (const part of parts.signature) {
    rlpNumber(part, place, WORD);
  }
  if (parts.value.length > 0 || !equal(parts.data, attestCall(point))) {
    throw new InvalidInput(
      place, "the transaction does not attest this point", "该交易不是为此锚定点背书");
  }
  return [Number(parts.chainId), rlpBytes(parts.to, place, 20)];
}

/** A transaction of EIP-1559. */
function dynamicFee(raw, place) {
  const items = rlpItems(decodeRlp(raw.subarray(1), place), place, { least: 12, most: 12 });
  const chainId = rlpNumber(items[0], place, MAX_INTEGER);
  const [accessList] = items.splice(8, 1);
  if (!Array.isArray(accessList) || accessList.length > 0) {
    throw new InvalidInput(
      place, "the transaction must have an empty access list", "交易的访问列表须为空");
  }
  rlpNumber(items[8], place, 1n);
  return {
    items, chainId, to: items[5], value: items[6], data: items[7], signature: items.slice(9),
  };
}

/** A transaction of before, whose v holds the chain id (EIP-155). */
function legacy(raw, place) {
  const items = rlpItems(decodeRlp(raw, place), place, { least: 9, most: 9 });
  const chainId = (rlpNumber(items[6], place, 2n * MAX_INTEGER + 36n) - 35n) / 2n;
  return {
    items, chainId, to: items[3], value: items[4], data: items[5], signature: items.slice(7),
  };
}
