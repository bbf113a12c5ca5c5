/**
 * Trust files: the little that somebody must believe before a bundle can convince them
 * (docs/spec/trust.md). Mirrors node/core/trust.py.
 */

import { fromBase64, toHex } from "./bytes.js";
import { sha256 } from "./crypto/sha256.js";
import { InvalidInput } from "./errors.js";
import {
  exactMembers, hasMember, readEach, readHash, readInteger, readKind, readMatch, readText,
} from "./fields.js";
import { canonicalJson, decodeJsonObject } from "./json.js";

/** Most bytes of a trust file. */
export const MAX_TRUST_BYTES = 1 << 20;

const TRUST_FORMAT = "evidence-trust/1";
const MEMBERS = ["anchors", "chain_id", "format", "genesis_hash", "tsa_roots"];
const MAX_CERTIFICATE = 65_536;
const CHAIN_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$/;

/**
 * A decoded trust file. `checkpoint` is null or `{size, root}`, a point of the log that the file's
 * holder knows; `tsaRoots` are DER certificates, `signerRoots` those that institutions' sealing
 * certificates lead to, `anchors` descriptions of who else vouches.
 */
export class Trust {
  constructor(fields) {
    Object.assign(this, fields);
    this.readEntries = new Map();
  }

  /**
   * The items of `anchors` of a kind, each decoded by `read(item, place)`: once only, as long as a
   * bundle may ask for them again for every receipt. Throws what `read` does.
   */
  entries(kind, read) {
    if (!this.readEntries.has(kind)) {
      const found = [];
      this.anchors.forEach((entry, position) => {
        if (entry.kind === kind) {
          found.push(read(entry, `trust.anchors[${position}]`));
        }
      });
      this.readEntries.set(kind, found);
    }
    return this.readEntries.get(kind);
  }
}

/**
 * Decode a trust file. Its `fingerprint` is the SHA-256, in hex, of its canonical form, which white
 * space in the file does not change.
 * @throws {InvalidInput} names the place and the rule.
 */
export function decodeTrust(data) {
  const value = decodeJsonObject(data, { place: "trust", maxBytes: MAX_TRUST_BYTES });
  exactMembers(value, "trust", MEMBERS, ["checkpoint", "signer_roots"]);
  if (value.format !== TRUST_FORMAT) {
    throw new InvalidInput("trust.format", `must be ${TRUST_FORMAT}`, "不是信任文件");
  }
  return new Trust({
    chainId: readMatch(
      value.chain_id, "trust.chain_id", CHAIN_ID, "must be a chain id", "链标识不符合规范"),
    genesisHash: readHash(value.genesis_hash, "trust.genesis_hash"),
    checkpoint: hasMember(value, "checkpoint") ? readCheckpoint(value.checkpoint) : null,
    tsaRoots: readEach(value.tsa_roots, "trust.tsa_roots", readCertificate, { most: 100 }),
    signerRoots: hasMember(value, "signer_roots")
      ? readEach(value.signer_roots, "trust.signer_roots", readCertificate, { most: 100 })
      : [],
    anchors: readEach(value.anchors, "trust.anchors", readKind, { most: 100 }),
    fingerprint: toHex(sha256(canonicalJson(value))),
  });
}

function readCheckpoint(value) {
  const members = exactMembers(value, "trust.checkpoint", ["root", "size"]);
  return {
    size: readInteger(members.size, "trust.checkpoint.size", { least: 1 }),
    root: readHash(members.root, "trust.checkpoint.root"),
  };
}

function readCertificate(value, place) {
  return fromBase64(readText(value, place, { most: MAX_CERTIFICATE }), place);
}
