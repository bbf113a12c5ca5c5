/**
 * PAdES signatures (ETSI EN 319 142-1, EN 319 122-1): CMS of one signer, detached from its content.
 * Mirrors node/core/pdf/pades.py.
 *
 * Like time-stamp tokens (anchors/cms.js), but for what pyHanko and others write: version 1, no
 * content inside, an RSA algorithm named in either of two ways, and one unsigned attribute, the
 * signature time-stamp.
 */

import {
  MAX_CERTIFICATES, openSignedData, readAttributes, verifySignedData,
} from "../anchors/cms.js";
import {
  CONTEXT_CONSTRUCTED, Contents, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, encodeDer, integerOf,
  oidOf, soleOf,
} from "../anchors/der.js";
import { readDigestAlgorithm, readSignatureAlgorithm } from "../anchors/public_keys.js";
import { decodeCertificate } from "../anchors/x509.js";
import { equal, toHex } from "../bytes.js";
import { hashWith } from "../crypto/digests.js";
import { InvalidInput } from "../errors.js";

const DATA = "1.2.840.113549.1.7.1";
const SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47";
const TIME_STAMP_TOKEN = "1.2.840.113549.1.9.16.2.14";
const RSA_ENCRYPTION_WITH_NULL = "300d06092a864886f70d0101010500";

/**
 * Decode the ContentInfo of a signature of `content`.
 *
 * @returns `{signed, signer, others, token}`: what the signer says, its Certificate, those embedded
 *   beside it, and the DER of the signature time-stamp (empty where there is none).
 * @throws {InvalidInput} it is not of its form, or its signer's certificate is not in it exactly
 *   once.
 */
export function decodePades(data, content, place) {
  const contents = openSignedData(data, place);
  integerOf(contents.take("version", INTEGER), { least: 1n, most: 1n });
  const digests = soleOf(contents.take("digestAlgorithms", SET), "0", SEQUENCE);
  const named = soleOf(contents.take("encapContentInfo", SEQUENCE), "eContentType", OID);
  if (oidOf(named) !== DATA) {
    throw new InvalidInput(named.place, `must be ${DATA}, data`, "须为数据（data）类型");
  }
  const embedded = contents.take("certificates", CONTEXT_CONSTRUCTED);
  const certificates = new Contents(embedded).rest(SEQUENCE);
  if (certificates.length > MAX_CERTIFICATES) {
    throw new InvalidInput(
      embedded.place, `must be at most ${MAX_CERTIFICATES}`, `证书不得超过 ${MAX_CERTIFICATES} 张`);
  }
  const info = soleOf(contents.take("signerInfos", SET), "0", SEQUENCE);
  contents.end();
  const { token, ...said } = readSigner(info, digests);
  const signed = { ...said, contentType: DATA, content, certificates };
  return { signed, token, ...findSigner(signed, place) };
}

/** SignerInfo (RFC 5652 §5.3) and the token in it. */
function readSigner(info, digests) {
  const contents = new Contents(info);
  integerOf(contents.take("version", INTEGER), { least: 1n, most: 1n });
  const named = new Contents(contents.take("sid", SEQUENCE));
  const issuer = named.take("issuer", SEQUENCE).encoded;
  const serial = integerOf(named.take("serialNumber", INTEGER));
  named.end();
  const digest = readDigestAlgorithm(contents.take("digestAlgorithm", SEQUENCE));
  if (readDigestAlgorithm(digests) !== digest) {
    throw new InvalidInput(
      digests.place, "must be the signer's digestAlgorithm", "须与签名者所列摘要算法一致");
  }
  const attributes = contents.take("signedAttrs", CONTEXT_CONSTRUCTED);
  const algorithm = readAlgorithm(contents.take("signatureAlgorithm", SEQUENCE), digest);
  const signature = contents.take("signature", OCTET_STRING).content;
  const token = readToken(contents.takeIf("unsignedAttrs", CONTEXT_CONSTRUCTED + 1));
  contents.end();
  return {
    issuer,
    serial,
    digest,
    attributes: readAttributes(attributes),
    signed: encodeDer(SET, attributes.content),
    algorithm,
    signature,
    token,
    place: info.place,
  };
}

function readAlgorithm(element, digest) {
  if (toHex(element.encoded) === RSA_ENCRYPTION_WITH_NULL) {
    return { scheme: "rsa-pkcs1", digest, salt: 0 };
  }
  const algorithm = readSignatureAlgorithm(element);
  if (algorithm.digest !== digest) {
    throw new InvalidInput(
      element.place, "names another hash function than digestAlgorithm", "与所列摘要算法不一致");
  }
  return algorithm;
}

/** The signature time-stamp (EN 319 122-1 §5.3); no other attribute may be unsigned. */
function readToken(unsigned) {
  if (unsigned === null) {
    return new Uint8Array(0);
  }
  const contents = new Contents(soleOf(unsigned, "0", SEQUENCE));
  const named = contents.take("attrType", OID);
  const token = soleOf(contents.take("attrValues", SET), "0", SEQUENCE);
  contents.end();
  if (oidOf(named) !== TIME_STAMP_TOKEN) {
    throw new InvalidInput(
      named.place,
      "the only unsigned attribute is the time-stamp token",
      "未签名属性只能是签名时间戳",
    );
  }
  return token.encoded;
}

function findSigner(signed, place) {
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
  return { signer: signers[0], others: all.filter((one) => one !== signers[0]) };
}

/**
 * Check contentType, messageDigest and signature, and that the signed attributes name the
 * certificate (signing-certificate-v2, RFC 5035 §3).
 * @throws {InvalidInput} one of them does not hold.
 */
export async function verifyPades({ signed, signer }) {
  await verifySignedData(signed, signer);
  const place = `${signed.place}.signedAttrs`;
  const named = signed.attributes.get(SIGNING_CERTIFICATE_V2);
  if (named === undefined || named.tag !== SEQUENCE) {
    throw new InvalidInput(
      place,
      "signing-certificate-v2 must be there (EN 319 142-1 §6.3)",
      "缺少签名证书属性（signing-certificate-v2）",
    );
  }
  const contents = new Contents(named);
  const hashes = new Contents(contents.take("certs", SEQUENCE)).rest(SEQUENCE);
  contents.takeIf("policies", SEQUENCE);
  contents.end();
  if (hashes.length === 0) {
    throw new InvalidInput(
      place, "signing-certificate-v2 names no certificate", "签名证书属性未指明证书");
  }
  const first = new Contents(hashes[0]);
  const hashing = first.takeIf("hashAlgorithm", SEQUENCE);
  const digest = hashing === null ? "sha256" : readDigestAlgorithm(hashing);
  const hashed = first.take("certHash", OCTET_STRING).content;
  if (!equal(hashed, hashWith(digest, signer.encoded))) {
    throw new InvalidInput(
      place, "signing-certificate-v2 is of another certificate", "签名证书属性指向另一证书");
  }
}
