/** Decoded values as they are printed beside a step. */

import { canonicalJson } from "./json.js";
import { decodeUtf8 } from "./bytes.js";

/** Text as it is, an integer in decimal, anything else as JSON; "None" for what is not there. */
export function shown(value) {
  if (typeof value === "string") {
    return value;
  }
  return value === undefined ? "None" : decodeUtf8(canonicalJson(value), "value");
}
