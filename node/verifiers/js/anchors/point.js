/**
 * The anchor point: what all members put on outside chains alike (docs/spec/anchors.md).
 * Mirrors node/core/anchors/point.py.
 */

import { toHex } from "../bytes.js";
import { sha256 } from "../crypto/sha256.js";
import { InvalidInput } from "../errors.js";
import { exactMembers, readHash, readInteger, readText } from "../fields.js";
import { canonicalJson } from "../json.js";

/** The format that a point's document names. */
export const POINT_FORMAT = "evidence-anchor/1";

const MEMBERS = ["chain_id", "format", "header", "height", "root", "size", "state_root"];

/**
 * Log and state map after the block at `height`.
 *
 * `size` and `root` are the log's, `stateRoot` the state map's, `header` is the hash of the header
 * at `height` + 1, whose app_hash is that of the three. 32 bytes each.
 */
export class AnchorPoint {
  constructor({ chainId, height, size, root, stateRoot, header }) {
    this.chainId = chainId;
    this.height = height;
    this.size = size;
    this.root = root;
    this.stateRoot = stateRoot;
    this.header = header;
  }

  /** The document's bytes, canonical JSON: what a time-stamp is of. */
  document() {
    return canonicalJson({
      chain_id: this.chainId,
      format: POINT_FORMAT,
      header: toHex(this.header),
      height: this.height,
      root: toHex(this.root),
      size: this.size,
      state_root: toHex(this.stateRoot),
    });
  }

  /** SHA-256 of the document: what outside chains hold. */
  digest() {
    return sha256(this.document());
  }
}

/**
 * Decode a point's document.
 *
 * @throws {InvalidInput}
 */
export function readPoint(value, place) {
  const members = exactMembers(value, place, MEMBERS);
  if (members.format !== POINT_FORMAT) {
    throw new InvalidInput(`${place}.format`, `must be ${POINT_FORMAT}`, `须为 ${POINT_FORMAT}`);
  }
  return new AnchorPoint({
    chainId: readText(members.chain_id, `${place}.chain_id`, { most: 50 }),
    height: readInteger(members.height, `${place}.height`),
    size: readInteger(members.size, `${place}.size`, { least: 1 }),
    root: readHash(members.root, `${place}.root`),
    stateRoot: readHash(members.state_root, `${place}.state_root`),
    header: readHash(members.header, `${place}.header`),
  });
}
