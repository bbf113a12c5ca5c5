/**
 * Verifying that a point was attested on a Hyperledger Fabric channel (docs/spec/anchor-fabric.md).
 *
 * Endorsement and order are signed, by peers and by orderers. Whether a transaction counted (its
 * VALID flag) is signed by nobody; a receipt may have an endorsed reading of the ledger instead.
 * Mirrors node/core/anchors/fabric.py.
 */

import { equal, toHex } from "../bytes.js";
import { InvalidInput, NotChecked } from "../errors.js";
import { exactMembers, hasMember, readInteger } from "../fields.js";
import { rfc3339 } from "../times.js";
import { MAX_BLOCK_BYTES, readBase64, readBlock, readLink } from "./fabric_block.js";
import { certificateOf, verifyFabricSignature } from "./fabric_identities.js";
import { ENVELOPE } from "./fabric_messages.js";
import { checkConsenters, checkEndorsers, checkOrderers } from "./fabric_signers.js";
import { checkAttested, readAttestation } from "./fabric_transaction.js";
import { mayBeNamed, readFabricTrust } from "./fabric_trust.js";
import { readMessage } from "./protobuf.js";
import { Vouched } from "./vouching.js";

/**
 * Check a receipt of kind `fabric`; the steps are numbered in docs/spec/anchor-fabric.md.
 *
 * @throws {InvalidInput} it is malformed or does not hold.
 * @throws {NotChecked} the trust file names no such channel, or no clocks.
 */
export async function verifyFabric(receipt, point, trust, place) {
  const known = trust.entries("fabric", readFabricTrust);
  const read = readReceipt(receipt, point, place);
  await checkSignatures(read);
  const { channel, chaincode } = read.attestation;
  const entries = known.filter((one) => one.channel === channel && one.chaincode === chaincode);
  if (entries.length === 0) {
    throw notNamed(read.attestation);
  }
  const timed = entries.filter((entry) => entry.window !== null);
  const untimed = entries.filter((entry) => entry.window === null);
  let refused = null;
  for (const entry of [...timed, ...untimed]) {
    try {
      return await verifyBy(entry, read);
    } catch (error) {
      if (!(error instanceof InvalidInput)) {
        throw error;
      }
      refused = error;
    }
  }
  throw refused;
}

/** Decode a receipt that hangs together and is of the point; nobody's word is weighed yet. */
function readReceipt(receipt, point, place) {
  const required = ["block", "position", "transaction"];
  const members = exactMembers(receipt, place, required, ["confirmation", "link"]);
  const block = readBlock(members.block, `${place}.block`);
  const last = { most: block.data.length - 1 };
  const position = readInteger(members.position, `${place}.position`, last);
  const inner = `${place}.block.data[${position}]`;
  const envelope = readItems(block, `${place}.block.data`)[position];
  if (block.data.findIndex((item) => equal(item, block.data[position])) !== position) {
    throw new InvalidInput(
      inner,
      "stands in the block before; that is the one that may count",
      "在区块中已出现过一次，应以前一次为准",
    );
  }
  const attestation = readAttestation(envelope.payload, inner);
  if (members.transaction !== attestation.txId) {
    throw new InvalidInput(
      `${place}.transaction`, "is not the id of the transaction there", "与该处交易的标识不符");
  }
  checkAttested(attestation, point, inner);
  const confirmation = hasMember(members, "confirmation")
    ? readConfirmation(members.confirmation, attestation, point, `${place}.confirmation`)
    : null;
  const link = hasMember(members, "link") ? members.link : null;
  return { place, inner, block, envelope, attestation, confirmation, link };
}

/**
 * The block's hash is of its items one after the other, and does not show where they end. An
 * envelope of both its fields ends in one place only.
 */
function readItems(block, place) {
  return block.data.map((item, number) => {
    const envelope = readMessage(item, `${place}[${number}]`, ENVELOPE);
    if (envelope.payload.length === 0 || envelope.signature.length === 0) {
      throw new InvalidInput(
        `${place}[${number}]`, "must have a payload and a signature", "须有内容与签名");
    }
    return envelope;
  });
}

/** It must be a reading of the point, by the same chaincode of the same channel. */
function readConfirmation(value, attestation, point, place) {
  const payload = readBase64(value, place, { most: MAX_BLOCK_BYTES });
  const reading = readAttestation(payload, place);
  checkAttested(reading, point, place);
  if (reading.channel !== attestation.channel || reading.chaincode !== attestation.chaincode) {
    throw new InvalidInput(
      place, "is of another channel or chaincode", "属于另一通道或另一链码");
  }
  if (reading.held === null || reading.writes) {
    throw new InvalidInput(
      place, "does not read the point from the ledger", "并未从账本读出该锚定点");
  }
  return reading;
}

/** Of the submitter on the envelope, and of every endorser. */
async function checkSignatures(read) {
  const { attestation, confirmation, envelope, inner } = read;
  const submitter = certificateOf(attestation.creator, `${inner}.creator`);
  const { payload, signature } = envelope;
  await verifyFabricSignature(submitter, payload, signature, `${inner}.signature`);
  for (const one of [...attestation.endorsements, ...(confirmation?.endorsements ?? [])]) {
    const certificate = certificateOf(one.identity, `${one.place}.endorser`);
    await verifyFabricSignature(certificate, one.message, one.signature, `${one.place}.signature`);
  }
}

/** It says the names only where they can be no sentence: nobody vouches for them. */
function notNamed({ channel, chaincode }) {
  if (!mayBeNamed(channel, chaincode)) {
    return new NotChecked(
      "the trust file has no such Fabric channel; the receipt hangs together, but anybody can make "
        + "such",
      "信任文件中没有该 Fabric 通道；回执自身一致，但任何人都能做出这样的回执",
    );
  }
  return new NotChecked(
    `the trust file has no ${chaincode} on the Fabric channel ${channel}; the receipt hangs `
      + "together, but anybody can make such",
    `信任文件中没有 Fabric 通道 ${channel} 上的 ${chaincode}；`
      + "回执自身一致，但任何人都能做出这样的回执",
  );
}

async function verifyBy(entry, read) {
  const { attestation, block, confirmation, place } = read;
  const endorsers = await checkEndorsers(entry, attestation);
  const byNumber = entry.consenters.length > 0;
  const orderers = await (byNumber ? checkConsenters : checkOrderers)(entry, read);
  let linked = null;
  if (read.link !== null) {
    linked = readLink(read.link, `${place}.link`, block, entry.pinned);
  } else if (entry.pinned.has(block.number)) {
    if (!equal(entry.pinned.get(block.number), block.hash())) {
      throw new InvalidInput(
        `${place}.block`, "is not the block that the trust file names", "不是信任文件所列的区块");
    }
    linked = block.number;
  }
  if (confirmation !== null) {
    await checkEndorsers(entry, confirmation);
  }
  if (entry.window === null) {
    throw noTime(entry, endorsers);
  }
  return vouched(entry, read, endorsers, orderers, linked);
}

function noTime(entry, endorsers) {
  return new NotChecked(
    `endorsed on the channel of ${entry.operator} by ${endorsers.join(" and ")}; since when is the `
      + "submitter's word alone, since the trust file does not say that their peers compare a "
      + "proposal's time with their clocks",
    `已由 ${entry.operator} 通道上的 ${endorsers.join("、")} 背书；但时间仅为提交者自称，`
      + "信任文件未说明背书节点会将提案时间与自身时钟核对",
  );
}

function vouched(entry, read, endorsers, orderers, linked) {
  const { attestation: { channel, creator, time, txId }, block } = read;
  const [how, howZh] = shownBy(entry, read, endorsers, orderers);
  const link = linked === null
    ? "whether the block descends from the pinned block 0 was not checked"
    : `the block descends from block ${linked}, whose hash the trust file pins`;
  const linkZh = linked === null
    ? "未核验该区块是否承自所固定的区块 0"
    : `该区块承自区块 ${linked}，其哈希由信任文件固定`;
  const seconds = Math.floor(entry.window / 1000);
  return new Vouched({
    by: `${entry.operator} (${endorsers.join(", ")})`,
    time: time + entry.window,
    how,
    howZh,
    details: [
      `at channel ${channel}, block ${block.number}, transaction ${txId}`,
      `block ${block.number}: ${toHex(block.hash())}; ${link}`,
      `submitted under the name of ${creator.mspId} with time ${rfc3339(time)}, to which `
        + `${seconds} s are added`,
    ],
    detailsZh: [
      `位置：通道 ${channel}，区块 ${block.number}，交易 ${txId}`,
      `区块 ${block.number}：${toHex(block.hash())}；${linkZh}`,
      `以 ${creator.mspId} 的名义提交，提案时间 ${rfc3339(time)}，另加 ${seconds} 秒`,
    ],
  });
}

/** What was shown, and on whose word the rest stands, in English and Chinese. */
function shownBy(entry, read, endorsers, orderers) {
  const { attestation } = read;
  const reading = read.confirmation ?? (attestation.writes ? null : attestation);
  const byNumber = entry.consenters.length > 0;
  const seconds = Math.floor(entry.window / 1000);
  const valid = reading === null
    ? [
      "that peers marked it VALID is signed by nobody and was not checked",
      "节点标记其为有效（VALID）一事无人签名，未核验",
    ]
    : [
      `their peers also signed that their ledgers hold it, since block ${reading.held}`,
      `其节点并签名确认其账本自区块 ${reading.held} 起存有该内容`,
    ];
  return [
    `endorsed by ${endorsers.join(" and ")}, ordered by ${byNumber ? "consenters " : ""}`
      + `${orderers.join(", ")}; ${valid[0]}; that they refuse what is not within ${seconds} s of `
      + "their clocks is the trust file's word",
    `由 ${endorsers.join("、")} 背书，由${byNumber ? "共识节点" : ""} ${orderers.join("、")} 排序；`
      + `${valid[1]}；其仅接受与自身时钟相差 ${seconds} 秒以内的提案一事，以信任文件为准`,
  ];
}
