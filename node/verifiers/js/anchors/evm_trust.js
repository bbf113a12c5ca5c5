/**
 * EVM chains in trust files: `anchors` of kind `evm` (docs/spec/anchor-evm.md). Mirrors
 * node/core/anchors/evm_trust.py.
 */

import { fromHex } from "../bytes.js";
import { InvalidInput } from "../errors.js";
import { exactMembers, readEach, readInteger, readText } from "../fields.js";

const MOST_BLOCKS = 10_000;
const MEMBERS = [
  "blocks", "chain_id", "contract", "development", "genesis", "kind", "name", "operator",
];

/**
 * Decode an entry of kind `evm`: a contract on a chain.
 *
 * @returns `{name, operator, chainId, contract, genesis, development, blocks}`; `blocks` is a Map
 *   of hashes by number that the file's holder has compared with the chain.
 * @throws {InvalidInput}
 */
export function readEvmChain(value, place) {
  const members = exactMembers(value, place, MEMBERS);
  const listed = readEach(members.blocks, `${place}.blocks`, readBlock, { most: MOST_BLOCKS });
  const blocks = new Map(listed);
  if (blocks.size !== listed.length) {
    throw new InvalidInput(
      `${place}.blocks`, "must not name a number twice", "同一区块高度出现两次");
  }
  const bit = readInteger(members.development, `${place}.development`, { most: 1 });
  return {
    name: readText(members.name, `${place}.name`, { most: 200 }),
    operator: readText(members.operator, `${place}.operator`, { most: 200 }),
    chainId: readInteger(members.chain_id, `${place}.chain_id`, { least: 1 }),
    contract: fromHex(members.contract, `${place}.contract`, 20),
    genesis: fromHex(members.genesis, `${place}.genesis`, 32),
    development: bit === 1,
    blocks,
  };
}

function readBlock(value, place) {
  const members = exactMembers(value, place, ["hash", "number"]);
  return [
    readInteger(members.number, `${place}.number`),
    fromHex(members.hash, `${place}.hash`, 32),
  ];
}
