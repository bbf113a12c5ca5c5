/** What a time-stamp authority signs (RFC 3161 §2.4.2). Mirrors node/core/anchors/tst_info.py. */

import { floorDivided } from "../crypto/numbers.js";
import { InvalidInput } from "../errors.js";
import {
  BOOLEAN,
  CONTEXT,
  CONTEXT_CONSTRUCTED,
  Contents,
  GENERALIZED_TIME,
  INTEGER,
  OCTET_STRING,
  OID,
  SEQUENCE,
  booleanOf,
  decodeDer,
  integerOf,
  oidOf,
  soleOf,
  timeOf,
} from "./der.js";
import { checkWhole } from "./der_whole.js";
import { readDigestAlgorithm } from "./public_keys.js";

/** The content type of what is in a time-stamp token. */
export const TST_INFO = "1.2.840.113549.1.9.16.1.4";

const MOST_SERIAL_BYTES = 21; // 160 bits and a sign (RFC 3161 §2.4.2)
const SECOND = 1_000_000_000n;
const MILLISECOND = 1_000_000n;

/**
 * The latest time that it may have been by the authority's own word: genTime and its accuracy,
 * rounded up to ms since the Unix epoch. Without an accuracy whole seconds are meant to their end:
 * authorities cut off what they do not write.
 */
export function latestTime(info) {
  if (info.accuracy === null && info.time % SECOND === 0n) {
    return Number(floorDivided(info.time, MILLISECOND)) + 999;
  }
  return Number(-floorDivided(-(info.time + (info.accuracy ?? 0n)), MILLISECOND));
}

/**
 * Decode a TSTInfo.
 *
 * @returns `{policy, digest, imprint, serial, time, accuracy, tsa}`: times in ns (BigInt),
 *   `accuracy` null where the authority states none; `tsa` the DER of the name that it gives
 *   itself, or null.
 * @throws {InvalidInput} names `place` with the field, and the rule.
 */
export function decodeTstInfo(data, place) {
  const whole = decodeDer(data, place, SEQUENCE);
  checkWhole(whole);
  const contents = new Contents(whole);
  integerOf(contents.take("version", INTEGER), { least: 1n, most: 1n });
  const policy = oidOf(contents.take("policy", OID));
  const { digest, imprint } = readImprint(contents.take("messageImprint", SEQUENCE));
  const serial = contents.take("serialNumber", INTEGER);
  if (serial.content.length > MOST_SERIAL_BYTES) {
    throw new InvalidInput(
      serial.place, `has more than ${MOST_SERIAL_BYTES} bytes`, `超过 ${MOST_SERIAL_BYTES} 字节`);
  }
  const time = timeOf(contents.take("genTime", GENERALIZED_TIME));
  const accuracy = contents.takeIf("accuracy", SEQUENCE);
  refuseDefault(contents.takeIf("ordering", BOOLEAN));
  const nonce = contents.takeIf("nonce", INTEGER);
  const tsa = contents.takeIf("tsa", CONTEXT_CONSTRUCTED);
  const extensions = contents.takeIf("extensions", CONTEXT_CONSTRUCTED + 1);
  contents.end();
  if (extensions !== null) {
    checkExtensions(extensions);
  }
  if (nonce !== null) {
    integerOf(nonce);
  }
  return {
    policy,
    digest,
    imprint,
    serial: integerOf(serial),
    time,
    accuracy: accuracy === null ? null : readAccuracy(accuracy),
    tsa: tsa === null ? null : directoryName(soleOf(tsa, "0")),
  };
}

function readImprint(element) {
  const contents = new Contents(element);
  const digest = readDigestAlgorithm(contents.take("hashAlgorithm", SEQUENCE));
  const imprint = contents.take("hashedMessage", OCTET_STRING).content;
  contents.end();
  return { digest, imprint };
}

function refuseDefault(ordering) {
  if (ordering !== null && !booleanOf(ordering)) {
    throw new InvalidInput(
      ordering.place, "the default is left out in DER (X.690 §11.5)", "DER 中默认值须省略");
  }
}

/** Accuracy in ns: seconds, [0] milliseconds, [1] microseconds, each of 1 to 999. */
function readAccuracy(element) {
  const contents = new Contents(element);
  const seconds = contents.takeIf("seconds", INTEGER);
  const millis = contents.takeIf("millis", CONTEXT);
  const micros = contents.takeIf("micros", CONTEXT + 1);
  contents.end();
  const read = (part, least, most) => (part === null ? 0n : integerOf(part, { least, most }));
  return read(seconds, 0n, 86_400n) * SECOND
    + read(millis, 1n, 999n) * MILLISECOND
    + read(micros, 1n, 999n) * 1000n;
}

/** The Name in a GeneralName (RFC 5280 §4.2.1.6); other forms are not compared with anything. */
function directoryName(name) {
  if (name.tag !== CONTEXT_CONSTRUCTED + 4) {
    return null;
  }
  return soleOf(name, "directoryName", SEQUENCE).encoded;
}

function checkExtensions(tagged) {
  for (const item of new Contents(tagged).rest(SEQUENCE)) {
    const contents = new Contents(item);
    const oid = oidOf(contents.take("extnID", OID));
    if (contents.takeIf("critical", BOOLEAN) !== null) {
      throw new InvalidInput(
        item.place, `is critical and not known: ${oid}`, `含有不识别的关键扩展：${oid}`);
    }
    contents.take("extnValue", OCTET_STRING);
    contents.end();
  }
}
