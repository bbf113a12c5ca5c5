/** The hash functions that signatures of outside parties are made with, by name. */

import { sha256 } from "./sha256.js";
import { sha384, sha512 } from "./sha512.js";

const DIGESTS = new Map([
  ["sha256", sha256],
  ["sha384", sha384],
  ["sha512", sha512],
]);

/** The hash of `bytes`; `name` is sha256, sha384 or sha512. */
export function hashWith(name, bytes) {
  return DIGESTS.get(name)(bytes);
}
