/**
 * Identities on a Hyperledger Fabric channel: certificates in PEM, and signatures of their holders.
 *
 * Signatures are ECDSA with SHA-256 in DER, of which Fabric makes and takes the low s only; so a
 * signature has one form. Mirrors node/core/anchors/fabric_identities.py.
 */

import { fromBase64 } from "../bytes.js";
import { CURVES } from "../crypto/curves.js";
import { InvalidInput } from "../errors.js";
import { Contents, OID, SEQUENCE, SET, decodeDer, oidOf } from "./der.js";
import { decodeEcdsaSignature, verifySignature } from "./public_keys.js";
import { decodeCertificate } from "./x509.js";
import { findPath } from "./x509_path.js";

const ALGORITHM = Object.freeze({ scheme: "ecdsa", digest: "sha256", salt: 0 });
const ORGANIZATIONAL_UNIT = "2.5.4.11";
const BEGIN = "-----BEGIN CERTIFICATE-----\n";
const END = "-----END CERTIFICATE-----\n";
const MOST_PEM_BYTES = 65_536;

/** The certificate of an identity. */
export function certificateOf(identity, place) {
  return decodeCertificate(readPem(identity.pem, place), place);
}

/** One certificate in PEM (RFC 7468), as Go writes it: lines of 64 characters. */
function readPem(pem, place) {
  const given = pem.length > MOST_PEM_BYTES ? "" : new TextDecoder("latin1").decode(pem);
  const text = given.endsWith("\n") ? given : `${given}\n`;
  const body = text.slice(BEGIN.length, Math.max(BEGIN.length, text.length - END.length));
  const encoded = body.replaceAll("\n", "");
  const lines = encoded.match(/.{1,64}/g) ?? [];
  if (text !== BEGIN + lines.map((line) => `${line}\n`).join("") + END) {
    throw new InvalidInput(
      place,
      "must be a certificate in PEM, in lines of 64 characters",
      "须为 PEM 证书，每行 64 个字符",
    );
  }
  return fromBase64(encoded, place);
}

/** Throws InvalidInput unless `signature` of `message` is of the certificate's key, low s. */
export async function verifyFabricSignature(certificate, message, signature, place) {
  const key = certificate.publicKey();
  if (key.kind !== "ec") {
    throw new InvalidInput(
      place, "its key is not of ECDSA, which Fabric signs with", "公钥不是 Fabric 所用的 ECDSA 公钥");
  }
  const [, s] = decodeEcdsaSignature(signature, key.curve, place);
  if (s > CURVES[key.curve].n >> 1n) {
    throw new InvalidInput(
      place, "s is high; Fabric takes the low s only", "签名的 s 值偏高，Fabric 只接受低 s");
  }
  await verifySignature(key, ALGORITHM, message, signature, place);
}

/**
 * Check that a certificate was issued by an organisation of the trust file, valid at `at` (ms).
 *
 * @throws {InvalidInput} it does not lead to its roots, or is not of the unit that is asked for.
 */
export async function checkMember(certificate, organisation, at, place) {
  const { roots, intermediates, mspId, unit } = organisation;
  const found = await findPath(certificate, intermediates, roots, at);
  if (found.root === null) {
    throw new InvalidInput(
      place, `is not by the authority of ${mspId}`, `不是由 ${mspId} 的证书机构签发`);
  }
  if (unit !== "" && !unitsOf(certificate, place).includes(unit)) {
    throw new InvalidInput(
      place, `its certificate is not of the unit ${unit}`, `证书不属于组织单元 ${unit}`);
  }
}

/** The organizational units of its subject: Fabric writes roles there (NodeOUs). */
function unitsOf(certificate, place) {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const found = [];
  for (const relative of new Contents(decodeDer(certificate.subject, place, SEQUENCE)).rest(SET)) {
    for (const pair of new Contents(relative).rest(SEQUENCE)) {
      const contents = new Contents(pair);
      const kind = oidOf(contents.take("type", OID));
      const value = contents.take("value");
      if (kind === ORGANIZATIONAL_UNIT) {
        found.push(decoder.decode(value.content));
      }
    }
  }
  return found;
}
