/**
 * Who endorsed a transaction on a Hyperledger Fabric channel, and who signed its block, as the
 * trust file names them. Mirrors that part of node/core/anchors/fabric.py.
 */

import { InvalidInput } from "../errors.js";
import { certificateOf, checkMember, verifyFabricSignature } from "./fabric_identities.js";
import { IDENTIFIER_HEADER, SIGNATURE_HEADER } from "./fabric_messages.js";
import { readIdentity } from "./fabric_transaction.js";
import { quorumOf } from "./fabric_trust.js";
import { readMessage } from "./protobuf.js";

/** The organisations of the trust file that endorsed, by their MSP ids: they must be enough. */
export async function checkEndorsers(entry, attestation) {
  const known = new Map(entry.endorsers.map((one) => [one.mspId, one]));
  const found = new Set();
  for (const endorsement of attestation.endorsements) {
    const organisation = known.get(endorsement.identity.mspId);
    if (organisation !== undefined) {
      const place = `${endorsement.place}.endorser`;
      const certificate = certificateOf(endorsement.identity, place);
      await checkMember(certificate, organisation, attestation.time, place);
      found.add(organisation.mspId);
    }
  }
  if (found.size < entry.needed) {
    throw new InvalidInput(
      `transaction ${attestation.txId}`,
      `endorsed by ${found.size} organisations of the trust file, which asks for ${entry.needed}`,
      `信任文件所列机构中有 ${found.size} 个背书，须有 ${entry.needed} 个`,
    );
  }
  return [...found].sort();
}

/**
 * Every signature of the block must be of an orderer organisation of the trust file.
 *
 * @returns their MSP ids.
 */
export async function checkOrderers(entry, read) {
  const known = new Map(entry.orderers.map((one) => [one.mspId, one]));
  const found = new Set();
  for (const [signature, place] of signaturesOf(read, false)) {
    const header = `${place}.header`;
    const { creator } = readMessage(signature.header, header, SIGNATURE_HEADER);
    const identity = readIdentity(creator, `${header}.creator`);
    const organisation = known.get(identity.mspId);
    if (organisation === undefined) {
      throw new InvalidInput(
        place,
        "its signer is not of an organisation of the trust file",
        "签名者不属于信任文件所列机构",
      );
    }
    const certificate = certificateOf(identity, `${header}.creator`);
    await checkMember(certificate, organisation, read.attestation.time, place);
    const signed = read.block.signedBy(signature);
    await verifyFabricSignature(certificate, signed, signature.signature, place);
    found.add(identity.mspId);
  }
  return [...found].sort();
}

/**
 * The block must be signed by a quorum of the consenters, and by nobody else.
 *
 * @returns their numbers.
 */
export async function checkConsenters(entry, read) {
  const known = new Map(entry.consenters.map((one) => [BigInt(one.identifier), one.certificate]));
  const found = new Set();
  for (const [signature, place] of signaturesOf(read, true)) {
    const values = readMessage(signature.header, `${place}.identifier`, IDENTIFIER_HEADER);
    const number = values.identifier;
    if (!known.has(number) || found.has(number)) {
      throw new InvalidInput(
        place,
        `consenter ${number} is unknown, or signs twice`,
        `共识节点 ${number} 不在所列之中，或重复签名`,
      );
    }
    const signed = read.block.signedBy(signature);
    await verifyFabricSignature(known.get(number), signed, signature.signature, place);
    found.add(number);
  }
  const quorum = quorumOf(known.size);
  if (found.size < quorum) {
    throw new InvalidInput(
      `${read.place}.block.signatures`,
      `${found.size} consenters signed, ${quorum} of ${known.size} must`,
      `${found.size} 个共识节点签名，${known.size} 个中须有 ${quorum} 个`,
    );
  }
  return [...found].map(Number).sort((one, other) => one - other).map(String);
}

function signaturesOf(read, byNumber) {
  const place = `${read.place}.block.signatures`;
  if (read.block.signatures.some((one) => one.byNumber !== byNumber)) {
    const meant = byNumber ? "consenters (SmartBFT)" : "orderers (Raft)";
    throw new InvalidInput(
      place,
      `are not of ${meant}, which the trust file names`,
      `不是信任文件所列的${byNumber ? "共识节点（SmartBFT）" : "排序组织（Raft）"}的签名`,
    );
  }
  return read.block.signatures.map((one, number) => [one, `${place}[${number}]`]);
}
