/**
 * Certificates (RFC 5280): who, by whom, when, which key, for what. Read strictly, and only as far
 * as a verifier without a network needs them. Mirrors node/core/anchors/x509.py.
 */

import { equal } from "../bytes.js";
import { bytesToNumber, floorDivided } from "../crypto/numbers.js";
import { InvalidInput } from "../errors.js";
import { rfc3339 } from "../times.js";
import {
  BIT_STRING,
  BOOLEAN,
  CONTEXT_CONSTRUCTED,
  Contents,
  GENERALIZED_TIME,
  INTEGER,
  OCTET_STRING,
  OID,
  SEQUENCE,
  UTC_TIME,
  bitsOf,
  booleanOf,
  decodeDer,
  integerOf,
  oidOf,
  soleOf,
  timeOf,
  wholeBytesOf,
} from "./der.js";
import { checkWhole } from "./der_whole.js";
import { decodePublicKey, readSignatureAlgorithm, verifySignature } from "./public_keys.js";

/** How long a certificate may be. */
export const MAX_CERTIFICATE_BYTES = 16_384;

const KEY_USAGE = "2.5.29.15";
const BASIC_CONSTRAINTS = "2.5.29.19";
const EXTENDED_KEY_USAGE = "2.5.29.37";
// Other names of the subject; policies, which forbid nothing to who asks for none (§6.1.1).
const READ = [KEY_USAGE, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE, "2.5.29.17", "2.5.29.32"];
const USAGES = [
  "digitalSignature",
  "nonRepudiation",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly",
];
const NO_EXTENSIONS = Object.freeze({
  keyUsage: null,
  purposes: null,
  purposesCritical: false,
  isAuthority: false,
  pathLength: null,
  notRead: [],
});

/**
 * A decoded certificate. `issuer` and `subject` are the DER of the names, `serial` a BigInt,
 * `notBefore` and `notAfter` ms since the Unix epoch, `encoded` the DER of it all. Of `extensions`,
 * `keyUsage` (a Set) and `purposes` (object identifiers) are null where it has none.
 */
export class Certificate {
  constructor(parts) {
    this.encoded = parts.encoded;
    this.serial = parts.serial;
    this.issuer = parts.issuer;
    this.subject = parts.subject;
    this.notBefore = parts.notBefore;
    this.notAfter = parts.notAfter;
    this.place = parts.place;
    this.extensions = parts.extensions;
    this._spki = parts.spki;
    this._signed = parts.signed;
    this._algorithm = parts.algorithm;
    this._signature = parts.signature;
  }

  /** The subject's key. Throws InvalidInput: it is of a kind that is not read here. */
  publicKey() {
    return decodePublicKey(this._spki);
  }

  /** Throws InvalidInput unless the signature on this certificate is of `issuer`'s key. */
  async verifyIssuedBy(issuer) {
    await verifySignature(
      issuer.publicKey(),
      readSignatureAlgorithm(this._algorithm),
      this._signed,
      this._signature,
      `${this.place}.signatureValue`,
    );
  }

  /** Throws InvalidInput unless it is valid at `at`, ms since the Unix epoch. */
  checkTime(at) {
    const second = Math.floor(at / 1000) * 1000;
    if (second < this.notBefore || second > this.notAfter) {
      const [now, from, to] = [at, this.notBefore, this.notAfter].map(timeText);
      throw new InvalidInput(
        this.place,
        `is not valid at ${now}, but from ${from} to ${to}`,
        `证书在 ${now} 不在有效期内（${from} 至 ${to}）`,
      );
    }
  }

  /** Throws InvalidInput where it has a critical extension that is not read here. */
  checkExtensions() {
    if (this.extensions.notRead.length > 0) {
      const named = this.extensions.notRead.join(", ");
      throw new InvalidInput(
        this.place,
        `has a critical extension that is not known: ${named}`,
        `证书含有不识别的关键扩展：${named}`,
      );
    }
  }
}

function timeText(milliseconds) {
  return rfc3339(milliseconds, { offsetHours: 0, wholeSeconds: true });
}

/**
 * Decode a certificate, of version 1 or 3.
 *
 * @throws {InvalidInput} names `place` with the field, and the rule.
 */
export function decodeCertificate(data, place) {
  if (data.length > MAX_CERTIFICATE_BYTES) {
    throw new InvalidInput(
      place, `has more than ${MAX_CERTIFICATE_BYTES} bytes`, `超过 ${MAX_CERTIFICATE_BYTES} 字节`);
  }
  const whole = decodeDer(data, place, SEQUENCE);
  checkWhole(whole);
  const outer = new Contents(whole);
  const signed = outer.take("tbsCertificate", SEQUENCE);
  const algorithm = outer.take("signatureAlgorithm", SEQUENCE);
  const signature = wholeBytesOf(outer.take("signatureValue", BIT_STRING));
  outer.end();
  const parts = readSignedPart(signed, algorithm, place);
  return new Certificate({
    ...parts, encoded: data, place, signed: signed.encoded, algorithm, signature,
  });
}

/** TBSCertificate (§4.1.2). */
function readSignedPart(signed, algorithm, place) {
  const contents = new Contents(signed);
  const version = readVersion(contents.takeIf("version", CONTEXT_CONSTRUCTED));
  const serial = integerOf(contents.take("serialNumber", INTEGER));
  const inner = contents.take("signature", SEQUENCE);
  if (!equal(inner.encoded, algorithm.encoded)) {
    throw new InvalidInput(
      `${place}.signatureAlgorithm`, "differs from the signed one (§4.1.1)", "与被签名的算法不一致");
  }
  const issuer = contents.take("issuer", SEQUENCE).encoded;
  const [notBefore, notAfter] = readValidity(contents.take("validity", SEQUENCE));
  const subject = contents.take("subject", SEQUENCE).encoded;
  const spki = contents.take("subjectPublicKeyInfo", SEQUENCE);
  const tagged = version === 3 ? contents.takeIf("extensions", CONTEXT_CONSTRUCTED + 3) : null;
  contents.end();
  const extensions = tagged === null ? NO_EXTENSIONS : readExtensions(tagged);
  return { serial, issuer, notBefore, notAfter, subject, spki, extensions };
}

function readValidity(element) {
  const contents = new Contents(element);
  const times = ["notBefore", "notAfter"].map((name) => (
    Number(floorDivided(timeOf(contents.take(name, UTC_TIME, GENERALIZED_TIME)), 1_000_000n))
  ));
  contents.end();
  return times;
}

function readVersion(element) {
  if (element === null) {
    return 1;
  }
  if (integerOf(soleOf(element, "0", INTEGER)) !== 2n) {
    throw new InvalidInput(
      element.place, "must be absent or 2, that is version 3", "须为版本 1 或版本 3");
  }
  return 3;
}

function readExtensions(tagged) {
  const found = new Map();
  for (const item of new Contents(soleOf(tagged, "0", SEQUENCE)).rest(SEQUENCE)) {
    const contents = new Contents(item);
    const oid = oidOf(contents.take("extnID", OID));
    const critical = readDefaultFalse(contents.takeIf("critical", BOOLEAN));
    const value = contents.take("extnValue", OCTET_STRING);
    contents.end();
    if (found.has(oid)) {
      throw new InvalidInput(
        item.place, `extension ${oid} stands there twice (§4.2)`, `扩展 ${oid} 出现两次`);
    }
    found.set(oid, { critical, value });
  }
  const [isAuthority, pathLength] = readConstraints(found.get(BASIC_CONSTRAINTS));
  return {
    keyUsage: readUsage(found.get(KEY_USAGE)),
    purposes: readPurposes(found.get(EXTENDED_KEY_USAGE)),
    purposesCritical: found.get(EXTENDED_KEY_USAGE)?.critical ?? false,
    isAuthority,
    pathLength,
    notRead: [...found.keys()].filter((oid) => found.get(oid).critical && !READ.includes(oid)),
  };
}

/** A BOOLEAN DEFAULT FALSE: true where it is there, which it must not be otherwise. */
function readDefaultFalse(element) {
  if (element !== null && !booleanOf(element)) {
    throw new InvalidInput(
      element.place, "the default is left out in DER (X.690 §11.5)", "DER 中默认值须省略");
  }
  return element !== null;
}

function readUsage(extension) {
  if (extension === undefined) {
    return null;
  }
  const { content, place } = extension.value;
  const element = decodeDer(content, place, BIT_STRING);
  const [octets, unused] = bitsOf(element);
  const number = bytesToNumber(octets) >> BigInt(unused);
  const width = 8 * octets.length - unused;
  if ((number & 1n) === 0n || width > USAGES.length) {
    throw new InvalidInput(
      element.place, "is no keyUsage in DER (§4.2.1.3, X.690 §11.2.2)", "不是 DER 的 keyUsage");
  }
  const isSet = (at) => ((number >> BigInt(width - 1 - at)) & 1n) === 1n;
  return new Set(USAGES.slice(0, width).filter((_, at) => isSet(at)));
}

/** Of basicConstraints (§4.2.1.9): whether it is an authority, and pathLenConstraint. */
function readConstraints(extension) {
  if (extension === undefined) {
    return [false, null];
  }
  const { content, place } = extension.value;
  const contents = new Contents(decodeDer(content, place, SEQUENCE));
  const isAuthority = readDefaultFalse(contents.takeIf("cA", BOOLEAN));
  const length = contents.takeIf("pathLenConstraint", INTEGER);
  contents.end();
  return [isAuthority, length === null ? null : integerOf(length, { least: 0n })];
}

function readPurposes(extension) {
  if (extension === undefined) {
    return null;
  }
  const { content, place } = extension.value;
  const items = new Contents(decodeDer(content, place, SEQUENCE)).rest(OID);
  if (items.length === 0) {
    throw new InvalidInput(place, "must name a purpose (§4.2.1.12)", "须至少列出一种用途");
  }
  return items.map(oidOf);
}
