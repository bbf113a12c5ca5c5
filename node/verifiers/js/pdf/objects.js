/**
 * Objects of PDF files (ISO 32000-2 §7.3), read as strictly as their writers are careful. Mirrors
 * node/core/pdf/objects.py.
 *
 * Less is read than PDF allows: no comments inside objects, generation 0 alone, numbers without
 * exponents, a stream's length in its own dictionary. What the file's own verifier need not
 * understand is refused rather than guessed at, so that two readers cannot understand it in two
 * ways.
 *
 *     null true false  Keyword     name  string        array       Array
 *     integer          Number      string  Uint8Array  dictionary  Map, by names
 *     real             Real        reference  Ref      stream      Stream
 */

import { equal } from "../bytes.js";

/** How many objects a file may have, and how high their numbers may be. */
export const MAX_OBJECTS = 100_000;

/** null, true or false. */
export class Keyword {
  constructor(word) {
    this.word = word;
  }
}

/** A number with a decimal point. */
export class Real {
  constructor(value) {
    this.value = value;
  }
}

/** A reference to the object of this number; its generation is 0. */
export class Ref {
  constructor(number) {
    this.number = number;
  }
}

/** A dictionary (a Map) and the bytes behind it, as they stand in the file (not decoded). */
export class Stream {
  constructor(entries, raw) {
    this.entries = entries;
    this.raw = raw;
  }
}

/**
 * A numbered object: its value, and the bytes of the file from `start` to before `end`.
 *
 * `hexadecimal` has the places ([start, end]) of the hexadecimal strings that are values of the
 * outermost dictionary, by their names: a signature says with one where it stands itself.
 */
export class IndirectObject {
  constructor(number, value, start, end, hexadecimal = new Map()) {
    this.number = number;
    this.value = value;
    this.start = start;
    this.end = end;
    this.hexadecimal = hexadecimal;
  }

  /** Its dictionary, or that of its stream; empty where it has none. */
  get entries() {
    if (this.value instanceof Stream) {
      return this.value.entries;
    }
    return this.value instanceof Map ? this.value : new Map();
  }
}

/** Bytes as text of one character each, for regular expressions. */
export function binaryText(bytes) {
  const pieces = [];
  for (let at = 0; at < bytes.length; at += 8192) {
    pieces.push(String.fromCharCode(...bytes.subarray(at, at + 8192)));
  }
  return pieces.join("");
}

/** The bytes of such a text. */
export function binaryBytes(text) {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) {
    bytes[at] = text.charCodeAt(at);
  }
  return bytes;
}

/** Whether a value is this number, written with a decimal point or without. */
export function isNumber(value, wanted) {
  return numberOf(value) === wanted;
}

function numberOf(value) {
  if (value instanceof Real) {
    return value.value;
  }
  return typeof value === "number" ? value : null;
}

/** Whether two objects are the same, of the same types, their references not followed. */
export function same(one, other) {
  if (one instanceof Map && other instanceof Map) {
    return one.size === other.size
      && [...one].every(([name, value]) => other.has(name) && same(value, other.get(name)));
  }
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, at) => same(item, other[at]));
  }
  if (one instanceof Stream && other instanceof Stream) {
    return same(one.entries, other.entries) && equal(one.raw, other.raw);
  }
  if (one instanceof Uint8Array && other instanceof Uint8Array) {
    return equal(one, other);
  }
  if (one instanceof Ref && other instanceof Ref) {
    return one.number === other.number;
  }
  if (one instanceof Keyword && other instanceof Keyword) {
    return one.word === other.word;
  }
  const number = numberOf(one);
  return number === null ? one === other && typeof one !== "object" : number === numberOf(other);
}
