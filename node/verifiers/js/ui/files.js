/** The files that somebody chooses or drops: read within limits, and told apart by what they hold. */

import { decodeJsonObject } from "../json.js";

/** At most so many bytes are read of a bundle or certificate, and of a trust file. */
export const MAX_EVIDENCE_BYTES = 67_108_864;
export const MAX_TRUST_BYTES = 1_048_576;

const PDF_MARK = [0x25, 0x50, 0x44, 0x46, 0x2d];

/** A file cannot be used. `name` is the text that says why, `values` what is put into it. */
export class FileRefused extends Error {
  constructor(name, ...values) {
    super(name);
    this.name = "FileRefused";
    this.text = name;
    this.values = values;
  }
}

/** A file as it was read: its name, its bytes, and its kind: "certificate", "trust" or "bundle". */
export class ReadFile {
  constructor(name, bytes) {
    this.name = name;
    this.bytes = bytes;
    this.kind = kindOf(bytes);
  }
}

/**
 * Read a `File` of the browser.
 *
 * Throws FileRefused for one that is too large or cannot be read.
 */
export async function readFile(file) {
  if (file.size > MAX_EVIDENCE_BYTES) {
    throw new FileRefused("tooLarge", file.name, file.size, MAX_EVIDENCE_BYTES);
  }
  try {
    return new ReadFile(file.name, new Uint8Array(await file.arrayBuffer()));
  } catch (error) {
    throw new FileRefused("unread", file.name, error.message);
  }
}

/** What bytes seem to be. A verifier decides; this only says which input they are meant for. */
export function kindOf(bytes) {
  if (PDF_MARK.every((value, place) => bytes[place] === value)) {
    return "certificate";
  }
  if (bytes.length <= MAX_TRUST_BYTES) {
    try {
      const value = decodeJsonObject(bytes, { place: "file", maxBytes: MAX_TRUST_BYTES });
      return value.format === "evidence-trust/1" ? "trust" : "bundle";
    } catch {
      return "bundle"; // its first step says what is wrong with it
    }
  }
  return "bundle";
}
