/**
 * JSON as others write it: only the members that a rule names are looked at. Mirrors
 * node/core/anchors/foreign_json.py.
 */

import { hasLoneSurrogate } from "../bytes.js";
import { InvalidInput } from "../errors.js";

const MAX_DIGITS = 19;
const MAX_NESTING = 64;
const MOST_POSITION_DIGITS = 5;
const SPACE = /[ \t\n\r]*/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const NUMBER = /(-?)(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
const WORD = /null|true|false/y;
const LETTERS = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** null, true, false and numbers with a fraction or an exponent: there, and never looked at. */
const OTHER = Symbol("a value that no rule can name");

class Reader {
  constructor(text, place) {
    this.text = text;
    this.place = place;
    this.at = 0;
  }

  refuse(why) {
    throw new InvalidInput(
      this.place, `not JSON: ${why} at character ${this.at}`, "不是有效的 JSON");
  }

  /** What `pattern` finds here; it is left behind. Null where it finds nothing. */
  find(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    this.at += found === null ? 0 : found[0].length;
    return found;
  }

  take(character) {
    const isThere = this.text[this.at] === character;
    this.at += isThere ? 1 : 0;
    return isThere;
  }

  value(depth) {
    const first = this.text[this.at];
    if (first === "{" || first === "[") {
      if (depth === 0) {
        this.refuse("nested too deep");
      }
      this.at += 1;
      return first === "{" ? this.object(depth) : this.array(depth);
    }
    if (first === '"') {
      return this.string();
    }
    if (this.find(WORD) !== null) {
      return OTHER;
    }
    return this.number();
  }

  object(depth) {
    const members = new Map();
    this.find(SPACE);
    if (this.take("}")) {
      return members;
    }
    do {
      this.find(SPACE);
      const name = this.text[this.at] === '"' ? this.string() : this.refuse("a name is missing");
      this.find(SPACE);
      if (!this.take(":")) {
        this.refuse("':' is missing");
      }
      this.find(SPACE);
      if (members.has(name)) {
        this.refuse("a member stands twice in an object");
      }
      members.set(name, this.value(depth - 1));
      this.find(SPACE);
    } while (this.take(","));
    return this.take("}") ? members : this.refuse("'}' is missing");
  }

  array(depth) {
    const items = [];
    this.find(SPACE);
    if (this.take("]")) {
      return items;
    }
    do {
      this.find(SPACE);
      items.push(this.value(depth - 1));
      this.find(SPACE);
    } while (this.take(","));
    return this.take("]") ? items : this.refuse("']' is missing");
  }

  string() {
    this.at += 1;
    let value = this.find(PLAIN)[0];
    while (!this.take('"')) {
      const escape = this.find(ESCAPE);
      if (escape === null) {
        this.refuse("a string is malformed");
      }
      value += unescaped(escape[0]) + this.find(PLAIN)[0];
    }
    return value;
  }

  number() {
    const found = this.find(NUMBER);
    if (found === null) {
      this.refuse("a value is missing");
    }
    const [whole, , digits, fraction, exponent] = found;
    if (fraction !== undefined || exponent !== undefined) {
      return OTHER;
    }
    if (digits.length > MAX_DIGITS) {
      this.refuse("an integer has more than 19 digits");
    }
    return BigInt(whole);
  }
}

function unescaped(escape) {
  const letter = escape[1];
  if (letter === "u") {
    return String.fromCharCode(parseInt(escape.slice(2), 16));
  }
  return LETTERS[letter] ?? letter;
}

/**
 * Decode JSON as others write it: null, true, false and floats are allowed, since only the members
 * that a rule names are looked at; a member that stands twice is not.
 *
 * @returns texts, BigInts, arrays, Maps, and a symbol for all else.
 * @throws {InvalidInput} not JSON, nested too deep, or text behind it.
 */
export function decodeForeignJson(text, place) {
  const reader = new Reader(text, place);
  reader.find(SPACE);
  const value = reader.value(MAX_NESTING);
  reader.find(SPACE);
  return reader.at === text.length ? value : reader.refuse("text follows the value");
}

/**
 * The text or integer at a JSON pointer (RFC 6901), an integer in decimal digits.
 *
 * @throws {InvalidInput} nothing is there, or something else.
 */
export function textAt(document, pointer, place) {
  const steps = pointer.split("/").slice(1);
  const value = steps.reduce((inside, step) => (
    memberAt(inside, step.replaceAll("~1", "/").replaceAll("~0", "~"))
  ), document);
  if (value === undefined) {
    throw new InvalidInput(place, `there is nothing at ${pointer}`, `${pointer} 处没有内容`);
  }
  if (typeof value === "bigint") {
    return value.toString();
  }
  if (typeof value !== "string") {
    throw new InvalidInput(
      place, `must be text or an integer at ${pointer}`, `${pointer} 处须为文本或整数`);
  }
  if (hasLoneSurrogate(value)) {
    throw new InvalidInput(place, `lone surrogate at ${pointer}`, `${pointer} 处含不成对的代理码位`);
  }
  return value;
}

function memberAt(value, name) {
  if (value instanceof Map) {
    return value.get(name);
  }
  const isPosition = /^[0-9]+$/.test(name) && name.length <= MOST_POSITION_DIGITS;
  return Array.isArray(value) && isPosition ? value[Number(name)] : undefined;
}
