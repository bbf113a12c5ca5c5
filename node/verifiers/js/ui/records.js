/**
 * The records of an accepted bundle, as people read them. Mirrors node/cli/records_shown.py.
 *
 * Only for bundles that the verifier has accepted: their form is not asked for again here.
 */

import { fromBase64url, utf8 } from "../bytes.js";
import { decodeJson, decodeJsonObject } from "../json.js";

const BOUNDS = { place: "bundle", maxBytes: 67_108_864 };

function payloadOf(jwt) {
  const bytes = fromBase64url(jwt.split(".")[1], "payload");
  return decodeJsonObject(bytes, BOUNDS);
}

function milliseconds(time) {
  return time.seconds * 1000 + Math.floor(time.nanos / 1_000_000);
}

/** Times of all headers, by their heights. */
function headerTimes(bundle) {
  const times = new Map();
  for (const chain of [...bundle.predecessors, bundle.chain]) {
    for (const header of chain.headers) {
      times.set(header.height, milliseconds(header.time));
    }
  }
  return times;
}

/** Members' names by their ids: the geneses', or newer ones that the state proofs show. */
function memberNames(bundle) {
  const names = new Map();
  for (const chain of [...bundle.predecessors, bundle.chain]) {
    for (const member of decodeJsonObject(utf8(chain.genesis), BOUNDS).members) {
      names.set(member.id, member.name);
    }
  }
  for (const proof of bundle.state) {
    if (proof.key.startsWith("member/") && typeof proof.value === "string") {
      names.set(proof.key.slice("member/".length), valueOf(proof.value).name);
    }
  }
  return names;
}

function valueOf(text) {
  return decodeJsonObject(utf8(text), BOUNDS);
}

function disclosed(texts) {
  return texts.map((text) => {
    const [, name, value] = decodeJson(fromBase64url(text, "disclosure"), BOUNDS);
    return [name, value];
  });
}

function shownRecord(bundled, names, times) {
  const entry = decodeJsonObject(utf8(bundled.entry), BOUNDS);
  const payload = payloadOf(entry.tx);
  return {
    code: entry.code,
    type: payload.type,
    member: payload.iss,
    memberName: names.get(payload.iss) ?? "",
    chainId: payload.cid,
    occurredAt: payload.occurred_at,
    collectedAt: payload.collected_at ?? null,
    submittedAt: payload.iat * 1000,
    time: entry.time,
    provenTime: times.get(entry.height + 1),
    facts: Object.entries(entry.facts),
    data: Object.entries(payload.data),
    disclosed: disclosed(bundled.disclosures),
    hidden: (payload._sd ?? []).length - bundled.disclosures.length,
  };
}

/**
 * The records of an accepted bundle, oldest first. Times are ms since the Unix epoch; a record is in
 * the log no earlier than `time` and no later than `provenTime`.
 */
export function shownRecords(bundleBytes) {
  const bundle = decodeJsonObject(bundleBytes, BOUNDS);
  const names = memberNames(bundle);
  const times = headerTimes(bundle);
  return bundle.entries.map((bundled) => shownRecord(bundled, names, times));
}

/** A value of a record's field as text: texts as they are, all else as JSON. */
export function shownValue(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

