/**
 * Receipts of EVM chains: what a block shows of the anchor contract (docs/spec/anchor-evm.md).
 *
 * A header bears no signature of its chain that could be checked here, and anybody can make one. So
 * a receipt counts only where the trust file pins the block's hash; otherwise it is said which
 * block has to be compared with a node of the chain. Mirrors node/core/anchors/evm.py.
 */

import { equal, fromHex, toHex } from "../bytes.js";
import { keccak256 } from "../crypto/keccak.js";
import { InvalidInput, NotChecked } from "../errors.js";
import {
  exactMembers,
  hasMember,
  readEach,
  readInteger,
  readList,
  readObject,
} from "../fields.js";
import { rfc3339 } from "../times.js";
import { decodeHeader, verifyEvent, verifyState } from "./evm_block.js";
import { attestingCall } from "./evm_transaction.js";
import { readEvmChain } from "./evm_trust.js";
import { Vouched } from "./vouching.js";

const MAX_HEADER = 16_384;
const MAX_STATE_NODE = 1_024;
const MAX_RECEIPT_PROOF = 65_536;
const MAX_TRANSACTION = 65_536;
const MAX_NODES = 64;

/** Check a receipt of kind `evm`. No signature is in a receipt. */
export async function verifyEvm(receipt, point, trust, place) {
  const chains = trust.entries("evm", readEvmChain);
  if (hasMember(readObject(receipt, place), "transaction")) {
    throw noProof(receipt, point, chains, place);
  }
  const proven = readProven(receipt, point, place);
  const named = chains.filter((one) => isNamed(one, proven.chainId, proven.contract));
  if (named.length === 0) {
    throw unnamed(proven);
  }
  const development = named.find((chain) => chain.development);
  if (development !== undefined) {
    throw ofDevelopment(development, proven);
  }
  const { hash, number } = proven.header;
  const pins = named.filter((one) => one.blocks.has(number));
  const pinned = pins.find((chain) => equal(chain.blocks.get(number), hash));
  if (pinned !== undefined) {
    return vouched(pinned, proven);
  }
  if (pins.length > 0) {
    throw new InvalidInput(
      `${place}.header`,
      `the trust file pins another block ${number} of this chain`,
      `信任文件所固定的该链区块 ${number} 与此不同`,
    );
  }
  throw unpinned(named[0], proven);
}

function isNamed(chain, chainId, contract) {
  return chain.chainId === chainId && equal(chain.contract, contract);
}

function readBytes(value, place, most) {
  const data = fromHex(value, place);
  if (data.length > most) {
    throw new InvalidInput(place, `must be at most ${most} bytes`, `不得超过 ${most} 字节`);
  }
  return data;
}

function readProof(value, place, most) {
  const read = (item, at) => readBytes(item, at, most);
  return readEach(value, place, read, { least: 1, most: MAX_NODES });
}

/** Decode a receipt and check its proof: `{chainId, contract, header, held}`. */
function readProven(receipt, point, place) {
  const isByState = hasMember(receipt, "account");
  const own = isByState ? ["account", "storage"] : ["index", "receipt"];
  const members = exactMembers(receipt, place, ["chain_id", "contract", "header", ...own]);
  const chainId = readInteger(members.chain_id, `${place}.chain_id`, { least: 1 });
  const contract = fromHex(members.contract, `${place}.contract`, 20);
  const header = decodeHeader(readBytes(members.header, `${place}.header`, MAX_HEADER),
    `${place}.header`);
  const verify = isByState ? heldByState : heldByEvent;
  return { chainId, contract, header, held: verify(members, header, contract, point, place) };
}

function heldByState(members, header, contract, point, place) {
  const at = `${place}.storage`;
  const storage = readList(members.storage, at, { least: 3, most: 3 }).map((proof, number) => (
    readProof(proof, `${at}[${number}]`, MAX_STATE_NODE)
  ));
  const account = readProof(members.account, `${place}.account`, MAX_STATE_NODE);
  return verifyState(header, contract, point, account, storage, place);
}

function heldByEvent(members, header, contract, point, place) {
  const index = readInteger(members.index, `${place}.index`, { most: 2 ** 32 });
  const at = `${place}.receipt`;
  const proof = readProof(members.receipt, at, MAX_RECEIPT_PROOF);
  if (proof.reduce((sum, node) => sum + node.length, 0) > MAX_RECEIPT_PROOF) {
    throw new InvalidInput(
      at,
      `must be at most ${MAX_RECEIPT_PROOF} bytes in all its nodes`,
      `全部节点合计不得超过 ${MAX_RECEIPT_PROOF} 字节`,
    );
  }
  return verifyEvent(header, contract, point, index, proof, place);
}

/** Since when the point must have existed, in ms: by the contract, else by the block. */
function timeOf({ held, header }) {
  return 1000 * (held.confirmedAt ?? header.time);
}

function placeOf({ header, contract, chainId }) {
  return `block ${header.number} (0x${toHex(header.hash)}), `
    + `contract 0x${toHex(contract)}, chain ${chainId}`;
}

function placeOfZh({ header, contract, chainId }) {
  return `区块 ${header.number}（0x${toHex(header.hash)}），`
    + `合约 0x${toHex(contract)}，链 ${chainId}`;
}

/** What the contract says of the point, in English and Chinese. */
function attested({ confirmed, attestations }) {
  if (confirmed && attestations !== null) {
    return [
      `confirmed by the threshold of its members (attestations: ${attestations})`,
      `已达到成员门限而确认（背书账户数：${attestations}）`,
    ];
  }
  if (confirmed) {
    return ["confirmed by the threshold of its members", "已达到成员门限而确认"];
  }
  if (attestations === null) {
    return [
      "attested by one member's account; the threshold is not shown to be reached",
      "已由一个成员账户背书；未显示达到门限",
    ];
  }
  return [
    `attested, the threshold of its members not reached yet (attestations: ${attestations})`,
    `当时尚未达到成员门限（背书账户数：${attestations}）`,
  ];
}

function vouched(chain, proven) {
  const [said, saidZh] = attested(proven.held);
  return new Vouched({
    by: `${chain.operator} (${chain.name})`,
    time: timeOf(proven),
    details: [`at ${placeOf(proven)}`],
    detailsZh: [`位置：${placeOfZh(proven)}`],
    how:
      `the anchor contract holds it, ${said}: proven to the block that the trust file pins; that `
      + "this block is of the chain rests on the trust file, not on this proof",
    howZh:
      `锚定合约已载有该锚点，${saidZh}：已证明至信任文件所固定的区块；`
      + "该区块属于该链，以信任文件为准，非由本证明得出",
  });
}

function ofDevelopment(chain, proven) {
  const [said, saidZh] = attested(proven.held);
  return new NotChecked(
    `${chain.name} is a node's own development chain, which vouches for nothing to third parties; `
      + `by itself the proof holds (${said})`,
    `${chain.name} 是节点自带的开发链，对第三方不具任何证明力；证明本身成立（${saidZh}）`,
    [placeOf(proven)],
    [placeOfZh(proven)],
  );
}

function holdsWithin(proven) {
  const [said, saidZh] = attested(proven.held);
  const { number, hash } = proven.header;
  const when = rfc3339(timeOf(proven), { wholeSeconds: true });
  return [
    `the proof holds within block ${number}, hash 0x${toHex(hash)} (${said}; ${when})`,
    `证明在区块 ${number}（哈希 0x${toHex(hash)}）内成立（${saidZh}；${when}）`,
  ];
}

function unpinned(chain, proven) {
  const [text, textZh] = holdsWithin(proven);
  return new NotChecked(
    `${text}. Anybody can make a header: compare this block with any node of ${chain.name} `
      + `(${chain.operator}), or pin it in the trust file`,
    `${textZh}。区块头任何人都能伪造：请与 ${chain.name}（${chain.operator}）的任一节点`
      + "核对该区块，或将其写入信任文件",
    [placeOf(proven)],
    [placeOfZh(proven)],
  );
}

function unnamed(proven) {
  const [text, textZh] = holdsWithin(proven);
  const contract = `0x${toHex(proven.contract)}`;
  return new NotChecked(
    `${text}, but the trust file names no contract ${contract} of a chain ${proven.chainId}`,
    `${textZh}，但信任文件未列出链 ${proven.chainId} 上的合约 ${contract}`,
    [placeOf(proven)],
    [placeOfZh(proven)],
  );
}

/** What a receipt is worth that has the transaction alone. */
function noProof(receipt, point, chains, place) {
  const members = exactMembers(receipt, place, ["transaction"]);
  const at = `${place}.transaction`;
  const raw = readBytes(members.transaction, at, MAX_TRANSACTION);
  const [chainId, contract] = attestingCall(raw, point, at);
  const known = chains.find((one) => isNamed(one, chainId, contract));
  const name = known ? `${known.name} (${known.operator})` : `a chain ${chainId}`;
  const nameZh = known ? `${known.name}（${known.operator}）` : `链 ${chainId}`;
  const [txid, address] = [keccak256(raw), contract].map((bytes) => `0x${toHex(bytes)}`);
  return new NotChecked(
    `transaction ${txid} attests it at contract ${address}, but ${name} gives no proof of what its `
      + "blocks hold: ask any of its nodes whether this transaction is in a block and succeeded",
    `交易 ${txid} 在合约 ${address} 上为其背书，但${nameZh}不提供区块内容的证明：`
      + "请向其任一节点查询该交易是否已入块并执行成功",
    [`transaction ${txid}, contract ${address}, chain ${chainId}`],
    [`交易 ${txid}，合约 ${address}，链 ${chainId}`],
  );
}
