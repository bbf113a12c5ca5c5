/**
 * The messages of Hyperledger Fabric that a receipt holds, as field tables for `readMessage`.
 *
 * Names and numbers are those of fabric-protos (common/common.proto, peer/*.proto, ledger/rwset/*).
 * Fields that an anchor's transaction never has are left out, so that a message with one of them is
 * refused. Mirrors node/core/anchors/fabric_messages.py.
 */

import { InvalidInput } from "../errors.js";
import { MESSAGE, OCTETS, TEXT, UINT, field, readMessage } from "./protobuf.js";

function message(fields) {
  return new Map(Object.entries(fields).map(([number, one]) => [Number(number), one]));
}

const REPEATED = true;

/** What stands in a block, and the messages inside it; below, those of one call of a chaincode. */
export const ENVELOPE = message({ 1: field("payload"), 2: field("signature") });
export const PAYLOAD = message({ 1: field("header", MESSAGE), 2: field("data") });
export const HEADER = message({ 1: field("channel_header"), 2: field("signature_header") });
export const CHANNEL_HEADER = message({
  1: field("type", UINT),
  2: field("version", UINT),
  3: field("timestamp", MESSAGE),
  4: field("channel_id", TEXT),
  5: field("tx_id", TEXT),
  6: field("epoch", UINT),
  7: field("extension"),
});
export const TIMESTAMP = message({ 1: field("seconds", UINT), 2: field("nanos", UINT) });
export const EXTENSION = message({ 2: field("chaincode_id", MESSAGE) });
export const SIGNATURE_HEADER = message({ 1: field("creator"), 2: field("nonce") });
export const IDENTIFIER_HEADER = message({ 1: field("identifier", UINT), 2: field("nonce") });
export const IDENTITY = message({ 1: field("mspid", TEXT), 2: field("id_bytes") });

export const TRANSACTION = message({ 1: field("actions", MESSAGE, REPEATED) });
export const ACTION = message({ 1: field("header"), 2: field("payload") });
export const ACTION_PAYLOAD = message({
  1: field("chaincode_proposal_payload"),
  2: field("action", MESSAGE),
});
export const ENDORSED_ACTION = message({
  1: field("proposal_response_payload"),
  2: field("endorsements", MESSAGE, REPEATED),
});
export const ENDORSEMENT = message({ 1: field("endorser"), 2: field("signature") });

export const PROPOSAL_PAYLOAD = message({ 1: field("input") });
export const INVOCATION = message({ 1: field("chaincode_spec", MESSAGE) });
export const SPEC = message({
  1: field("type", UINT),
  2: field("chaincode_id", MESSAGE),
  3: field("input", MESSAGE),
});
export const CHAINCODE_ID = message({ 2: field("name", TEXT), 3: field("version", TEXT) });
export const INPUT = message({ 1: field("args", OCTETS, REPEATED) });

export const RESPONSE_PAYLOAD = message({ 1: field("proposal_hash"), 2: field("extension") });
export const CHAINCODE_ACTION = message({
  1: field("results"),
  2: field("events"),
  3: field("response", MESSAGE),
  4: field("chaincode_id", MESSAGE),
});
export const RESPONSE = message({
  1: field("status", UINT),
  2: field("message", TEXT),
  3: field("payload"),
});
export const WRITE_SETS = message({
  1: field("data_model", UINT),
  2: field("ns_rwset", MESSAGE, REPEATED),
});
export const NAMESPACE = message({ 1: field("namespace", TEXT), 2: field("rwset") });
export const KEY_VALUES = message({
  1: field("reads", MESSAGE, REPEATED),
  3: field("writes", MESSAGE, REPEATED),
});
export const READ = message({ 1: field("key", TEXT), 2: field("version", MESSAGE) });
export const VERSION = message({ 1: field("block_num", UINT), 2: field("tx_num", UINT) });
export const WRITE = message({
  1: field("key", TEXT),
  2: field("is_delete", UINT),
  3: field("value"),
});

/** The message in member `name` of `values`, which must be there. */
export function needMessage(values, name, place, fields) {
  const inner = `${place}.${name}`;
  if (values[name] === null || values[name].length === 0) {
    throw new InvalidInput(inner, "is missing", "缺失");
  }
  return readMessage(values[name], inner, fields);
}
