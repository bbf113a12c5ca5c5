/**
 * Signed data of CMS (RFC 5652) as time-stamp tokens have it: one content, one signer.
 *
 * What no signature covers has one form here, so that nothing in it can be changed. Mirrors
 * node/core/anchors/cms.py.
 */

import { equal, toHex } from "../bytes.js";
import { hashWith } from "../crypto/digests.js";
import { InvalidInput } from "../errors.js";
import {
  CONTEXT_CONSTRUCTED,
  Contents,
  INTEGER,
  OCTET_STRING,
  OID,
  SEQUENCE,
  SET,
  checkSetOrder,
  decodeDer,
  encodeDer,
  integerOf,
  oidOf,
  soleOf,
} from "./der.js";
import { checkWhole } from "./der_whole.js";
import {
  RSA_ENCRYPTION,
  readDigestAlgorithm,
  readSignatureAlgorithm,
  verifySignature,
} from "./public_keys.js";

const SIGNED_DATA = "1.2.840.113549.1.7.2";
/** How many certificates may be embedded. */
export const MAX_CERTIFICATES = 10;
const CONTENT_TYPE = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
const RSA_ENCRYPTION_WITH_NULL = "300d06092a864886f70d0101010500";

/**
 * Decode a ContentInfo that holds SignedData (RFC 5652 §3, §5.1).
 *
 * @returns content of `contentType`, the `certificates` embedded beside it (elements), and what its
 *   one signer says: `issuer`, `serial`, `digest`, `attributes` (a Map of the signed ones, each
 *   with its one value), `signed` (what the signature is of), `algorithm`, `signature`, `place`.
 * @throws {InvalidInput} names `place` with the field, and the rule.
 */
export function decodeSignedData(data, place) {
  const contents = openSignedData(data, place);
  integerOf(contents.take("version", INTEGER), { least: 3n, most: 3n });
  const digests = soleOf(contents.take("digestAlgorithms", SET), "0", SEQUENCE);
  const content = new Contents(contents.take("encapContentInfo", SEQUENCE));
  const contentType = oidOf(content.take("eContentType", OID));
  const octets = soleOf(content.take("eContent", CONTEXT_CONSTRUCTED), "0", OCTET_STRING);
  content.end();
  const embedded = contents.take("certificates", CONTEXT_CONSTRUCTED);
  const certificates = new Contents(embedded).rest(SEQUENCE);
  if (certificates.length > MAX_CERTIFICATES) {
    throw new InvalidInput(
      embedded.place, `must be at most ${MAX_CERTIFICATES}`, `证书不得超过 ${MAX_CERTIFICATES} 张`);
  }
  const signer = soleOf(contents.take("signerInfos", SET), "0", SEQUENCE);
  contents.end();
  return { ...readSigner(signer, digests), contentType, content: octets.content, certificates };
}

/**
 * What stands inside a ContentInfo that holds SignedData (RFC 5652 §3), to be taken in order.
 * @throws {InvalidInput} it is no such thing in DER.
 */
export function openSignedData(data, place) {
  const whole = decodeDer(data, place, SEQUENCE);
  checkWhole(whole);
  const outer = new Contents(whole);
  const kind = outer.take("contentType", OID);
  if (oidOf(kind) !== SIGNED_DATA) {
    throw new InvalidInput(
      kind.place, `must be ${SIGNED_DATA}, signed data`, "须为 CMS 签名数据（SignedData）");
  }
  const tagged = outer.take("content", CONTEXT_CONSTRUCTED);
  const contents = new Contents(soleOf(tagged, "signedData", SEQUENCE));
  outer.end();
  return contents;
}

/** SignerInfo (RFC 5652 §5.3). */
function readSigner(signer, digests) {
  const contents = new Contents(signer);
  integerOf(contents.take("version", INTEGER), { least: 1n, most: 1n });
  const named = new Contents(contents.take("sid", SEQUENCE));
  const issuer = named.take("issuer", SEQUENCE).encoded;
  const serial = integerOf(named.take("serialNumber", INTEGER));
  named.end();
  const hashing = contents.take("digestAlgorithm", SEQUENCE);
  const digest = readDigestAlgorithm(hashing);
  if (!equal(digests.encoded, hashing.encoded)) {
    throw new InvalidInput(
      digests.place,
      "must be the signer's digestAlgorithm, as written there",
      "须与签名者所列摘要算法一致",
    );
  }
  const attributes = contents.take("signedAttrs", CONTEXT_CONSTRUCTED);
  const algorithm = signatureAlgorithm(contents.take("signatureAlgorithm", SEQUENCE), digest);
  const signature = contents.take("signature", OCTET_STRING).content;
  contents.end();
  return {
    issuer,
    serial,
    digest,
    attributes: readAttributes(attributes),
    signed: encodeDer(SET, attributes.content),
    algorithm,
    signature,
    place: signer.place,
  };
}

function signatureAlgorithm(element, digest) {
  if (toHex(element.encoded) === RSA_ENCRYPTION_WITH_NULL) {
    return { scheme: "rsa-pkcs1", digest, salt: 0 };
  }
  const algorithm = readSignatureAlgorithm(element);
  if (algorithm.scheme === "rsa-pkcs1") {
    throw new InvalidInput(
      element.place,
      `RSA with PKCS #1 v1.5 is written ${RSA_ENCRYPTION} with NULL here`,
      `RSA（PKCS #1 v1.5）在此须写作 ${RSA_ENCRYPTION} 并带 NULL`,
    );
  }
  if (algorithm.digest !== digest) {
    throw new InvalidInput(
      element.place, "names another hash function than digestAlgorithm", "与所列摘要算法不一致");
  }
  return algorithm;
}

/**
 * SignedAttributes (§5.3, §11): a SET OF in DER, each once and with one value.
 * @throws {InvalidInput} they are not.
 */
export function readAttributes(attributes) {
  const items = new Contents(attributes).rest(SEQUENCE);
  checkSetOrder(items, attributes.place);
  const found = new Map();
  for (const item of items) {
    const contents = new Contents(item);
    const named = contents.take("attrType", OID);
    const values = contents.take("attrValues", SET);
    contents.end();
    const oid = oidOf(named);
    if (found.has(oid)) {
      throw new InvalidInput(
        named.place, `attribute ${oid} stands there twice (§5.3)`, `属性 ${oid} 出现两次`);
    }
    found.set(oid, soleOf(values, "0"));
  }
  return found;
}

/**
 * Check contentType, messageDigest and the signature (RFC 5652 §5.4, §5.6, §11.1, §11.2).
 *
 * @param signer the signer's Certificate.
 * @throws {InvalidInput} one of them does not hold.
 */
export async function verifySignedData(signed, signer) {
  const place = `${signed.place}.signedAttrs`;
  const named = signed.attributes.get(CONTENT_TYPE);
  if (named === undefined || named.tag !== OID || oidOf(named) !== signed.contentType) {
    throw new InvalidInput(
      place, "contentType must be there and be eContentType (§11.1)", "contentType 属性缺失或不符");
  }
  const hashed = signed.attributes.get(MESSAGE_DIGEST);
  const wanted = hashWith(signed.digest, signed.content);
  if (hashed === undefined || hashed.tag !== OCTET_STRING || !equal(hashed.content, wanted)) {
    throw new InvalidInput(
      place, "messageDigest must be there and be the content's (§11.2)", "messageDigest 缺失或不符");
  }
  await verifySignature(
    signer.publicKey(),
    signed.algorithm,
    signed.signed,
    signed.signature,
    `${signed.place}.signature`,
  );
}
