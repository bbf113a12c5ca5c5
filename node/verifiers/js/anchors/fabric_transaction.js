/**
 * Decoding an attestation on a Hyperledger Fabric channel: the payload of a transaction's
 * envelope.
 *
 * What is read here hangs together by hashes: the transaction id is that of nonce and creator, the
 * proposal's hash stands in what the endorsers signed. Whose the signatures are is checked
 * elsewhere. Mirrors node/core/anchors/fabric_transaction.py.
 */

import { concat, equal, toHex, utf8 } from "../bytes.js";
import { sha256 } from "../crypto/sha256.js";
import { InvalidInput } from "../errors.js";
import { exactMembers } from "../fields.js";
import { canonicalJson, decodeJsonObject } from "../json.js";
import {
  ACTION,
  ACTION_PAYLOAD,
  CHAINCODE_ACTION,
  CHAINCODE_ID,
  CHANNEL_HEADER,
  ENDORSED_ACTION,
  ENDORSEMENT,
  EXTENSION,
  HEADER,
  IDENTITY,
  INPUT,
  INVOCATION,
  KEY_VALUES,
  NAMESPACE,
  PAYLOAD,
  PROPOSAL_PAYLOAD,
  READ,
  RESPONSE,
  RESPONSE_PAYLOAD,
  SIGNATURE_HEADER,
  SPEC,
  TIMESTAMP,
  TRANSACTION,
  VERSION,
  WRITE,
  WRITE_SETS,
  needMessage,
} from "./fabric_messages.js";
import { readMessage } from "./protobuf.js";

const ENDORSER_TRANSACTION = 3n;
const MAX_SECONDS = 2n ** 53n / 1000n - 1n;
const MOST_ENDORSEMENTS = 100;
const ATTEST = utf8("Attest");

/** Decode a SerializedIdentity: `{mspId, pem}`. */
export function readIdentity(data, place) {
  const values = readMessage(data, place, IDENTITY);
  return { mspId: values.mspid, pem: values.id_bytes };
}

/**
 * Decode `common.Payload` of an endorsed call of `Attest`.
 *
 * @returns `{channel, chaincode, txId, time, creator, endorsements, argument, answer, writes,
 *   held}`: `time` is the client's, in ms; `endorsements` are `{place, identity, message,
 *   signature}`; `writes` says whether it writes the point, `held` the block in which the ledger
 *   had it, or null.
 * @throws {InvalidInput} it is not the canonical form of such a payload, its parts do not belong
 *   together, or the chaincode refused.
 */
export function readAttestation(payload, place) {
  const outer = readMessage(payload, place, PAYLOAD);
  const header = needMessage(outer, "header", place, HEADER);
  const channel = read(header, "channel_header", place, CHANNEL_HEADER);
  const signer = read(header, "signature_header", place, SIGNATURE_HEADER);
  checkHeader(channel, signer, place);
  const body = readBody(outer, header, place);
  const endorsed = needMessage(body, "action", place, ENDORSED_ACTION);
  const hashed = concat(
    header.channel_header, header.signature_header, body.chaincode_proposal_payload);
  const result = readResult(endorsed, hashed, place);
  const [chaincode, argument] = readCall(body, place);
  checkChaincode(channel, result, chaincode, place);
  const answer = readAnswer(result, place);
  const [writes, held] = readState(result, chaincode, argument, answer, place);
  return {
    channel: channel.channel_id,
    chaincode,
    txId: channel.tx_id,
    time: readTime(channel, place),
    creator: readIdentity(signer.creator, `${place}.creator`),
    endorsements: readEndorsements(endorsed, place),
    argument,
    answer,
    writes,
    held,
  };
}

/** Throws InvalidInput unless the attestation is of `point`. */
export function checkAttested(attestation, point, place) {
  const wanted = { chain_id: point.chainId, root: toHex(point.digest()), size: point.size };
  const says = (values) => Object.keys(wanted).every((name) => values[name] === wanted[name]);
  if (!says(attestation.argument)) {
    throw new InvalidInput(
      place, "the transaction attests another point", "该交易为另一个锚定点背书");
  }
  if (!says(attestation.answer)) {
    throw new InvalidInput(
      place, "the chaincode answered with another point", "链码应答的是另一个锚定点");
  }
}

function read(values, name, place, fields) {
  return readMessage(values[name], `${place}.${name}`, fields);
}

function readBody(outer, header, place) {
  const transaction = read(outer, "data", place, TRANSACTION);
  if (transaction.actions.length !== 1) {
    throw new InvalidInput(`${place}.data.actions`, "must be one action", "须恰为一个操作");
  }
  const action = readMessage(transaction.actions[0], `${place}.action`, ACTION);
  if (!equal(action.header, header.signature_header)) {
    throw new InvalidInput(
      `${place}.action.header`, "differs from the transaction's header", "与交易头部不一致");
  }
  return read(action, "payload", place, ACTION_PAYLOAD);
}

function checkHeader(channel, signer, place) {
  if (channel.type !== ENDORSER_TRANSACTION || channel.version !== 0n || channel.epoch !== 0n) {
    throw new InvalidInput(
      `${place}.channel_header`, "must be of an endorser transaction", "须为背书交易");
  }
  if (channel.tx_id !== toHex(sha256(concat(signer.nonce, signer.creator)))) {
    throw new InvalidInput(
      `${place}.tx_id`, "is not the hash of nonce and creator", "与随机数及提交者的哈希不符");
  }
}

/** In ms, rounded up: it is used as a latest time. */
function readTime(channel, place) {
  const { seconds, nanos } = needMessage(channel, "timestamp", place, TIMESTAMP);
  if (seconds > MAX_SECONDS || nanos >= 1_000_000_000n) {
    throw new InvalidInput(`${place}.timestamp`, "is out of range", "时间超出范围");
  }
  return Number(seconds * 1000n + (nanos + 999_999n) / 1_000_000n);
}

function readResult(endorsed, hashed, place) {
  const response = read(endorsed, "proposal_response_payload", place, RESPONSE_PAYLOAD);
  if (!equal(response.proposal_hash, sha256(hashed))) {
    throw new InvalidInput(`${place}.proposal_hash`, "is of another proposal", "属于另一个提案");
  }
  return readMessage(response.extension, `${place}.extension`, CHAINCODE_ACTION);
}

/** The chaincode's name, and the argument of `Attest`. */
function readCall(body, place) {
  const proposal = read(body, "chaincode_proposal_payload", place, PROPOSAL_PAYLOAD);
  const invocation = read(proposal, "input", place, INVOCATION);
  const spec = needMessage(invocation, "chaincode_spec", place, SPEC);
  const called = needMessage(spec, "chaincode_id", place, CHAINCODE_ID);
  const { args } = needMessage(spec, "input", place, INPUT);
  if (args.length !== 2 || !equal(args[0], ATTEST)) {
    throw new InvalidInput(
      `${place}.input`, "must be a call of Attest with one argument", "须为带一个参数的 Attest 调用");
  }
  const inner = `${place}.Attest`;
  const argument = decodeJsonObject(args[1], { place: inner, maxBytes: 1_024 });
  return [called.name, exactMembers(argument, inner, ["chain_id", "root", "size"])];
}

/** The name in the channel header, in the call and in what ran must be one and the same. */
function checkChaincode(channel, result, called, place) {
  const extension = read(channel, "extension", place, EXTENSION);
  const named = needMessage(extension, "chaincode_id", place, CHAINCODE_ID).name;
  const ran = needMessage(result, "chaincode_id", place, CHAINCODE_ID).name;
  if (called === "" || named !== called || ran !== called) {
    throw new InvalidInput(
      `${place}.chaincode_id`,
      "differs between header, call and result",
      "头部、调用与结果中的链码名称不一致",
    );
  }
}

function readAnswer(result, place) {
  const response = needMessage(result, "response", place, RESPONSE);
  if (response.status !== 200n) {
    throw new InvalidInput(`${place}.response`, "the chaincode refused", "链码已拒绝");
  }
  return decodeJsonObject(response.payload, { place: `${place}.response`, maxBytes: 65_536 });
}

/** Whether the point is written, and where it was held already. One of the two must be. */
function readState(result, chaincode, argument, answer, place) {
  const inner = `${place}.results`;
  const sets = readMessage(result.results, inner, WRITE_SETS).ns_rwset;
  const spaces = sets.map((one) => readMessage(one, inner, NAMESPACE));
  const own = spaces.filter((space) => space.namespace === chaincode);
  if (own.length !== 1) {
    throw new InvalidInput(inner, "must have one set of the chaincode", "须恰有该链码的一个读写集");
  }
  const values = read(own[0], "rwset", inner, KEY_VALUES);
  const key = pointKey(argument, place);
  const held = readHeld(values, key, inner);
  for (const item of values.writes) {
    const write = readMessage(item, inner, WRITE);
    if (write.key === key) {
      checkWritten(write, answer, inner);
      return [true, held];
    }
  }
  if (held === null) {
    throw new InvalidInput(
      inner,
      "neither writes the point nor reads it from the ledger",
      "既未写入该锚定点，也未从账本读出",
    );
  }
  return [false, held];
}

/** The key under which the chaincode keeps what was attested. */
function pointKey(argument, place) {
  const { chain_id: chainId, size } = argument;
  if (!Number.isSafeInteger(size) || size < 1 || typeof chainId !== "string") {
    throw new InvalidInput(
      `${place}.Attest.size`, "must be a positive integer, of a chain", "须为正整数，并写明链标识");
  }
  return `p|${chainId}|${String(size).padStart(20, "0")}`;
}

function checkWritten(write, answer, place) {
  const written = decodeJsonObject(write.value, { place, maxBytes: 65_536 });
  if (write.is_delete !== 0n || !equal(canonicalJson(written), canonicalJson(answer))) {
    throw new InvalidInput(
      place, "what is written is not what was answered", "写入内容与应答不一致");
  }
}

function readHeld(values, key, place) {
  for (const item of values.reads) {
    const one = readMessage(item, place, READ);
    if (one.key === key && one.version !== null) {
      return readMessage(one.version, place, VERSION).block_num;
    }
  }
  return null;
}

function readEndorsements(endorsed, place) {
  if (endorsed.endorsements.length > MOST_ENDORSEMENTS) {
    throw new InvalidInput(
      `${place}.endorsements`, `are more than ${MOST_ENDORSEMENTS}`, `超过 ${MOST_ENDORSEMENTS} 个`);
  }
  return endorsed.endorsements.map((item, position) => {
    const inner = `${place}.endorsements[${position}]`;
    const values = readMessage(item, inner, ENDORSEMENT);
    return {
      place: inner,
      identity: readIdentity(values.endorser, `${inner}.endorser`),
      message: concat(endorsed.proposal_response_payload, values.endorser),
      signature: values.signature,
    };
  });
}
