/**
 * Time-stamp tokens (RFC 3161, RFC 5816) as receipts of anchor points. The format, and the steps,
 * are in docs/spec/anchor-rfc3161.md. A token is checked as of the time that it states. Mirrors
 * node/core/anchors/rfc3161.py.
 */

import { equal, fromBase64, toHex } from "../bytes.js";
import { hashWith } from "../crypto/digests.js";
import { floorDivided } from "../crypto/numbers.js";
import { sha1 } from "../crypto/sha1.js";
import { sha256 } from "../crypto/sha256.js";
import { InvalidInput, NotChecked } from "../errors.js";
import { exactMembers, readText } from "../fields.js";
import { rfc3339 } from "../times.js";
import { decodeSignedData, verifySignedData } from "./cms.js";
import {
  CONTEXT_CONSTRUCTED,
  Contents,
  INTEGER,
  OCTET_STRING,
  SEQUENCE,
  encodeDer,
  integerOf,
} from "./der.js";
import { commonName, nameText } from "./names.js";
import { readDigestAlgorithm } from "./public_keys.js";
import { TST_INFO, decodeTstInfo, latestTime } from "./tst_info.js";
import { Vouched } from "./vouching.js";
import { decodeCertificate } from "./x509.js";
import { findPath } from "./x509_path.js";

/** How long a token may be. */
export const MAX_TOKEN_BYTES = 65_536;

/** id-kp-timeStamping, the extended key usage of authorities. */
export const TIME_STAMPING = "1.3.6.1.5.5.7.3.8";

// signingCertificateV2 and signingCertificate, with the hash function that each has by default.
// SHA-1 does no harm in the latter: it only says which of the certificates that a trusted authority
// has issued for the key that the signature holds under is meant.
const BINDINGS = new Map([
  ["1.2.840.113549.1.9.16.2.47", "sha256"],
  ["1.2.840.113549.1.9.16.2.12", "sha1"],
]);

/** Check a receipt of kind `rfc3161`; the steps are numbered in docs/spec/anchor-rfc3161.md. */
export async function verifyRfc3161(receipt, point, trust, place) {
  const members = exactMembers(receipt, place, ["token"]);
  const at = `${place}.token`;
  const text = readText(members.token, at, { most: Math.ceil(MAX_TOKEN_BYTES / 3) * 4 });
  const stamp = decodeToken(fromBase64(text, at), at);
  const roots = trust.tsaRoots.map((root, number) => (
    decodeCertificate(root, `trust.tsa_roots[${number}]`)
  ));
  const path = await checkToken(stamp, point.digest(), roots);
  if (path.root === null) {
    throw new NotChecked(
      "a time-stamp token of this point that holds by itself; the trust file names no root that "
        + "its certificate leads to",
      "该时间戳令牌与此锚定点相符且自身有效，但信任文件中没有其证书所指向的根证书",
    );
  }
  return vouched(stamp, path.root);
}

/**
 * Decode a TimeStampToken with its signer's certificate in it.
 *
 * @returns `{signed, info, signer, others, place}`.
 * @throws {InvalidInput} it is not of its form, or the certificate is not in it exactly once.
 */
export function decodeToken(data, place) {
  const signed = decodeSignedData(data, place);
  if (signed.contentType !== TST_INFO) {
    throw new InvalidInput(
      place, `must hold a TSTInfo, ${TST_INFO} (RFC 3161 §2.4.2)`, "内容须为 TSTInfo（RFC 3161）");
  }
  const all = signed.certificates.map((one) => decodeCertificate(one.encoded, one.place));
  const signers = all.filter((one) => (
    one.serial === signed.serial && equal(one.issuer, signed.issuer)
  ));
  if (signers.length !== 1) {
    throw new InvalidInput(
      place,
      `holds ${signers.length} certificates of its signer, must be one`,
      `含签名者证书 ${signers.length} 张，须恰为一张`,
    );
  }
  const [signer] = signers;
  const info = decodeTstInfo(signed.content, `${place}.tstInfo`);
  return { signed, info, signer, others: all.filter((one) => one !== signer), place };
}

/**
 * Check that a token is of `digest` (SHA-256) and holds, and find what it leads to.
 *
 * @returns the path of its certificates; its `root` is null where `roots` has none for it.
 * @throws {InvalidInput} it does not hold, or something in it is not part of what was checked.
 */
export async function checkToken(stamp, digest, roots) {
  const { info, signer } = stamp;
  if (info.digest !== "sha256" || !equal(info.imprint, digest)) {
    throw new InvalidInput(
      `${stamp.place}.tstInfo.messageImprint`, "is not of this anchor point", "与该锚定点不符");
  }
  await verifySignedData(stamp.signed, signer);
  checkPurpose(signer);
  if (info.tsa !== null && !equal(info.tsa, signer.subject)) {
    throw new InvalidInput(
      `${stamp.place}.tstInfo.tsa`, "is not the signer's name (§2.4.2)", "与签名者名称不符");
  }
  const at = Number(floorDivided(info.time, 1_000_000n));
  const path = await findPath(signer, stamp.others, roots, at, TIME_STAMPING);
  checkBinding(stamp, path);
  checkEmbedded(stamp, path, roots);
  return path;
}

/** RFC 3161 §2.3: only for time-stamping, critical; and of key usages none but signing. */
function checkPurpose(signer) {
  const { keyUsage, purposes, purposesCritical } = signer.extensions;
  if (purposes === null || purposes.length !== 1 || purposes[0] !== TIME_STAMPING
      || !purposesCritical) {
    throw new InvalidInput(
      signer.place,
      "its extended key usage must be time-stamping alone, and critical (RFC 3161 §2.3)",
      "证书的扩展用途须仅为时间戳，且为关键扩展",
    );
  }
  const signing = ["digitalSignature", "nonRepudiation"];
  const usages = keyUsage === null ? signing : [...keyUsage];
  if (usages.length === 0 || !usages.every((name) => signing.includes(name))) {
    throw new InvalidInput(
      signer.place, "its key usage must be signing alone", "证书的密钥用途须仅为签名");
  }
}

/** Each embedded certificate must be of the signer's path or a root, and stand there once. */
function checkEmbedded(stamp, path, roots) {
  const known = new Set([...path.certificates, ...roots].map((one) => toHex(one.encoded)));
  const seen = new Set([stamp.signer, ...stamp.others].map((one) => toHex(one.encoded)));
  for (const one of stamp.others) {
    if (!known.has(toHex(one.encoded))) {
      throw new InvalidInput(
        one.place,
        "is not part of the signer's path: nothing vouches for it",
        "不在签名者的证书路径上，无从佐证",
      );
    }
  }
  if (seen.size !== 1 + stamp.others.length) {
    throw new InvalidInput(stamp.place, "holds a certificate twice", "同一证书出现两次");
  }
}

/**
 * signingCertificateV2 (RFC 5035 §3, RFC 5816 §2.2.1), or the older signingCertificate of RFC 3161
 * §2.4.2, or both: each must be there for the path that was found.
 */
function checkBinding(stamp, path) {
  const { attributes } = stamp.signed;
  const place = `${stamp.signed.place}.signedAttrs`;
  const found = [...BINDINGS.keys()].filter((oid) => attributes.has(oid));
  if (found.length === 0) {
    throw new InvalidInput(
      place,
      "signingCertificateV2 or signingCertificate must be there (RFC 5816 §2.2.1)",
      "缺少签名证书属性（signingCertificate）",
    );
  }
  for (const oid of found) {
    checkHashes(attributes.get(oid), BINDINGS.get(oid), stamp.signer, path, `${place}.${oid}`);
  }
}

/** The first hash is of the signer's own certificate, further ones are of its path's. */
function checkHashes(value, digest, signer, path, place) {
  if (value.tag !== SEQUENCE) {
    throw new InvalidInput(place, "must be a SEQUENCE", "须为 SEQUENCE");
  }
  const contents = new Contents(value);
  const hashes = new Contents(contents.take("certs", SEQUENCE)).rest(SEQUENCE);
  contents.takeIf("policies", SEQUENCE);
  contents.end();
  if (hashes.length === 0 || !isOf(hashes[0], signer, digest)) {
    throw new InvalidInput(place, "is not of the signer's certificate", "与签名者证书不符");
  }
  if (path.root === null) {
    return;
  }
  for (const item of hashes.slice(1)) {
    if (![...path.certificates, path.root].some((one) => isOf(item, one, digest))) {
      throw new InvalidInput(
        place, "is not of a certificate of the signer's path", "不属于签名者证书路径");
    }
  }
}

/** Whether an ESSCertIDv2 or, with SHA-1, an ESSCertID (RFC 5035 §4, §5) is of a certificate. */
function isOf(essCertId, certificate, byDefault) {
  const contents = new Contents(essCertId);
  const named = byDefault === "sha1" ? null : contents.takeIf("hashAlgorithm", SEQUENCE);
  const digest = named === null ? byDefault : readDigestAlgorithm(named);
  const hashed = contents.take("certHash", OCTET_STRING).content;
  const issued = contents.takeIf("issuerSerial", SEQUENCE);
  contents.end();
  const { encoded } = certificate;
  if (!equal(hashed, digest === "sha1" ? sha1(encoded) : hashWith(digest, encoded))) {
    return false;
  }
  if (issued === null) {
    return true;
  }
  const by = new Contents(issued);
  const names = by.take("issuer", SEQUENCE).content;
  const serial = integerOf(by.take("serialNumber", INTEGER));
  by.end();
  const name = encodeDer(CONTEXT_CONSTRUCTED + 4, certificate.issuer);
  return serial === certificate.serial && equal(names, name);
}

function vouched(stamp, root) {
  const { info, signer } = stamp;
  const name = commonName(signer.subject, signer.place);
  const above = commonName(root.subject, root.place);
  return new Vouched({
    by: equal(signer.encoded, root.encoded) ? name : `${name} (${above})`,
    time: latestTime(info),
    how:
      "the token's imprint, signature and signing certificate, and that certificate's path to a "
      + "root of the trust file at that time were checked; whether it was revoked was not",
    howZh:
      "已核验令牌的摘要、签名、签名证书，以及该证书在当时到信任文件中根证书的路径；"
      + "未核验证书当时是否已被吊销",
    ...detailsOf(info, signer, root),
  });
}

function detailsOf(info, signer, root) {
  const serial = info.serial.toString(16);
  const time = rfc3339(Number(floorDivided(info.time, 1_000_000n)), { offsetHours: 0 });
  const accuracy = info.accuracy === null ? null : `${Number(info.accuracy) / 1e6} ms`;
  const [ofSigner, ofRoot] = [signer, root].map(({ subject, encoded, place }) => [
    nameText(subject, place), `    SHA-256 ${toHex(sha256(encoded))}`,
  ]);
  return {
    details: [
      `at RFC 3161 policy ${info.policy}, serial ${serial}`,
      `genTime ${time}, accuracy ${accuracy ?? "not stated"}`,
      `certificate ${ofSigner[0]}`,
      ofSigner[1],
      `root ${ofRoot[0]}`,
      ofRoot[1],
    ],
    detailsZh: [
      `位置：RFC 3161 策略 ${info.policy}，序列号 ${serial}`,
      `时间戳时间（genTime）${time}，精度：${accuracy ?? "未声明"}`,
      `签名证书：${ofSigner[0]}`,
      ofSigner[1],
      `根证书：${ofRoot[0]}`,
      ofRoot[1],
    ],
  };
}
