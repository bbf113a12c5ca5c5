// What the verifier in JavaScript says of one receipt, for tests/builders/receipts_in_javascript.py.

import { decodeForeignJson, textAt } from "../../node/verifiers/js/anchors/foreign_json.js";
import { readAnchorReceipt, verifyReceipt } from "../../node/verifiers/js/anchors/receipts.js";
import { checkTrusted } from "../../node/verifiers/js/anchors/verify_anchors.js";
import { fromHex } from "../../node/verifiers/js/bytes.js";
import { InvalidInput, NotChecked } from "../../node/verifiers/js/errors.js";
import { decodeJsonObject } from "../../node/verifiers/js/json.js";
import { decodeTrust } from "../../node/verifiers/js/trust.js";

const MAX_BYTES = 64 << 20;
let known = { bytes: null, trust: null };

/** [status, why, why in Chinese]. Throws nothing that a verifier raises on purpose. */
export async function verdict(itemBytes, trustBytes, attested) {
  let trust;
  try {
    trust = trustOf(trustBytes);
  } catch (error) {
    return ended(error, "trust refused");
  }
  try {
    const value = decodeJsonObject(itemBytes, { place: "item", maxBytes: MAX_BYTES, maxDepth: 64 });
    const item = readAnchorReceipt(value, "anchors[0]");
    if (attested !== "") {
      item.point.digest = () => fromHex(attested, "attested");
    }
    const { by, howZh } = await verifyReceipt(item, trust, "anchors[0]");
    return ["passed", by, howZh];
  } catch (error) {
    return ended(error, "failed");
  }
}

function trustOf(bytes) {
  if (known.bytes === null || Buffer.compare(known.bytes, bytes) !== 0) {
    const trust = decodeTrust(bytes);
    checkTrusted(trust);
    known = { bytes, trust };
  }
  return known.trust;
}

function ended(error, status) {
  if (error instanceof NotChecked) {
    return ["not checked", error.text, error.textZh];
  }
  if (error instanceof InvalidInput) {
    return [status, error.message, error.ruleZh];
  }
  throw error;
}

/** The text or integer at a JSON pointer of a document that somebody else has written. */
export function foreignText(text, pointer) {
  return textAt(decodeForeignJson(text, "text"), pointer, "text");
}
