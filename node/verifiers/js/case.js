/**
 * What the steps of the verifier share: the case at hand, and how a step says what it found.
 * Mirrors node/core/verify_case.py.
 */

import { InvalidInput } from "./errors.js";
import { decodeCanonicalJson } from "./json.js";
import { leafHash } from "./merkle.js";

/** How a step may end. */
export const PASSED = "passed";
export const FAILED = "failed";
export const NOT_CHECKED = "not checked";

const MAX_STATE_VALUE = 1 << 20;

/** What a step found, in English and Chinese, and details worth a line each, in both as well. */
export class Told {
  constructor(text, textZh, details = [], detailsZh = details) {
    this.text = text;
    this.textZh = textZh;
    this.details = details;
    this.detailsZh = detailsZh;
  }
}

/** How a part of a step ended, such as one receipt of several. `told` is a `Told`. */
export class Part {
  constructor(status, title, titleZh, told) {
    this.status = status;
    this.title = title;
    this.titleZh = titleZh;
    this.told = told;
  }
}

/** One bundled entry, decoded, with its transaction. */
export class Record {
  constructor(place, bundled, entry, transaction) {
    this.place = place;
    this.bundled = bundled;
    this.entry = entry;
    this.transaction = transaction;
    this.knownLeaf = null;
  }

  /** The entry's leaf hash in the log. */
  get leaf() {
    this.knownLeaf ??= leafHash(this.bundled.text);
    return this.knownLeaf;
  }
}

/**
 * What has been established so far. Steps fill it in; only what passed is in it.
 *
 * `geneses` are those of all chains, oldest first, the last of them `genesis`. `headers` and
 * `roots` are maps by height, `state` one from key to its proven value (null: absent). `parts` are
 * those of the step that is being checked, `anchored` the times (ms) at which somebody outside has
 * vouched for the log.
 */
export class Case {
  constructor(trust) {
    this.trust = trust;
    this.bundle = null;
    this.genesis = null;
    this.geneses = [];
    this.headers = new Map();
    this.validatorSets = [];
    this.roots = new Map();
    this.state = new Map();
    this.records = [];
    this.parts = [];
    this.anchored = [];
  }

  /**
   * The genesis of the chain that `height` belongs to: each has those from the point of its own
   * genesis on. Heights below all are the oldest chain's.
   */
  genesisAt(height) {
    for (let position = this.geneses.length - 1; position >= 0; position -= 1) {
      if (height >= this.geneses[position].initialHeight - 1) {
        return this.geneses[position];
      }
    }
    return this.geneses[0];
  }

  /** The roots that the state proofs and the newest paths are under. */
  get newest() {
    return this.roots.get(this.bundle.asOf);
  }

  /**
   * The proven value of a key of the state map.
   * @throws {InvalidInput} the bundle proves no value of it.
   */
  needState(key) {
    const value = this.state.get(key) ?? null;
    if (value === null) {
      throw new InvalidInput(
        `state ${key}`, "no proof of it is in the bundle", "证据包未附其状态证明");
    }
    return value;
  }
}

/** A value of the state map: a canonical JSON object. */
export function decodeStateValue(value, key) {
  return decodeCanonicalJson(value, { place: `state ${key}`, maxBytes: MAX_STATE_VALUE });
}
