/**
 * Strict decoding and canonical encoding of JSON (docs/spec/encodings.md).
 *
 * JSON (RFC 8259, narrowed to objects, arrays, strings and integers) and its canonical form (RFC
 * 8785). Mirrors the JSON part of node/core/encoding.py. A browser's own parser is not used: it
 * keeps the last of two members with one name, and so would read what nobody has signed.
 *
 * Decoded objects inherit nothing, so that a member called `__proto__` is one like any other;
 * integers are numbers, at most 2^53-1.
 */

import { decodeUtf8, equal, hasLoneSurrogate, utf8 } from "./bytes.js";
import { InvalidInput } from "./errors.js";

/** Largest magnitude of an integer in any JSON of this project (RFC 7493 §2.2). */
export const MAX_INTEGER = Number.MAX_SAFE_INTEGER;

const MAX_DEPTH = 16;
const NOT_ASCII = /[^\u0000-\u007f]/;
const LETTERS = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/**
 * What decoded objects are made by. They inherit nothing; and unlike those of `Object.create(null)`,
 * which are tables of their own each, millions of them take no more memory than they must.
 */
function Members() {}
Members.prototype = Object.create(null);

/** A JSON text that is being read: every method reads from `at` and leaves it behind. */
class JsonText {
  constructor(text, place, maxDepth) {
    this.text = text;
    this.at = 0;
    this.place = place;
    this.maxDepth = maxDepth;
    this.path = [];
  }

  refuse(rule, ruleZh) {
    const steps = this.path.map((step) => (
      typeof step === "number" ? `[${step}]` : `.${step.slice(0, 64)}`
    ));
    throw new InvalidInput(this.place + steps.join(""), rule, ruleZh);
  }

  expected(what) {
    this.refuse(`not JSON: expecting ${what} at character ${this.at}`, "不是有效的 JSON");
  }

  space() {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) {
        return;
      }
      this.at += 1;
    }
  }

  whole() {
    this.space();
    const value = this.value(this.maxDepth);
    this.space();
    if (this.at !== this.text.length) {
      this.expected("the end");
    }
    return value;
  }

  value(depth) {
    const first = this.text[this.at];
    if (first === '"') {
      return this.string();
    }
    if (first === "{" || first === "[") {
      if (depth === 0) {
        this.refuse("nested too deep", "嵌套过深");
      }
      this.at += 1;
      return first === "{" ? this.object(depth) : this.array(depth);
    }
    return this.integer();
  }

  object(depth) {
    const members = new Members();
    this.space();
    if (this.take("}")) {
      return members;
    }
    do {
      this.space();
      const name = this.name(members);
      this.path.push(name);
      this.space();
      if (!this.take(":")) {
        this.expected("':'");
      }
      this.space();
      members[name] = this.value(depth - 1);
      this.path.pop();
      this.space();
    } while (this.take(","));
    if (!this.take("}")) {
      this.expected("',' or '}'");
    }
    return members;
  }

  name(members) {
    const name = this.text[this.at] === '"' ? this.string() : this.expected("a member's name");
    if (NOT_ASCII.test(name)) {
      this.refuse("a member's name is not ASCII", "成员名含非 ASCII 字符");
    }
    if (name in members) {
      this.refuse(`duplicate member '${name.slice(0, 64)}'`, "同名成员出现两次");
    }
    return name;
  }

  array(depth) {
    const items = [];
    this.space();
    if (this.take("]")) {
      return items;
    }
    do {
      this.path.push(items.length);
      this.space();
      items.push(this.value(depth - 1));
      this.path.pop();
      this.space();
    } while (this.take(","));
    if (!this.take("]")) {
      this.expected("',' or ']'");
    }
    return items;
  }

  take(character) {
    if (this.text[this.at] !== character) {
      return false;
    }
    this.at += 1;
    return true;
  }

  string() {
    const plain = /[^"\\\u0000-\u001f]*/y;
    let value = "";
    this.at += 1;
    for (;;) {
      plain.lastIndex = this.at;
      value += plain.exec(this.text)[0];
      this.at = plain.lastIndex;
      if (this.take('"')) {
        break;
      }
      value += this.escaped();
    }
    if (hasLoneSurrogate(value)) {
      this.refuse("lone surrogate in a string", "字符串含不成对的代理码位");
    }
    return value;
  }

  escaped() {
    if (!this.take("\\")) {
      this.expected("a string's next character or its end");
    }
    const letter = this.text[this.at];
    this.at += 1;
    if (letter !== undefined && letter in LETTERS) {
      return LETTERS[letter];
    }
    const digits = this.text.slice(this.at, this.at + 4);
    if (letter !== "u" || !/^[0-9A-Fa-f]{4}$/.test(digits)) {
      this.expected("an escape");
    }
    this.at += 4;
    return String.fromCharCode(parseInt(digits, 16));
  }

  integer() {
    const number = /-?(?:0|[1-9][0-9]*)/y;
    number.lastIndex = this.at;
    const found = number.exec(this.text);
    if (found === null) {
      if (/^(?:null|true|false)/.test(this.text.slice(this.at, this.at + 5))) {
        this.refuse("null, true and false are not used in this format", "不得使用 null、true、false");
      }
      this.expected("a value");
    }
    const text = found[0];
    if (/[.eE]/.test(this.text[number.lastIndex] ?? "")) {
      this.refuse("is not an integer; decimals are strings", "数字须为整数");
    }
    if (text.length > 17 || text === "-0" || !Number.isSafeInteger(Number(text))) {
      this.refuse("integer is out of range, at most 2^53-1 and no -0", "整数超出范围");
    }
    this.at = number.lastIndex;
    return Number(text);
  }
}

/**
 * Decode UTF-8 JSON made of objects, arrays, strings and integers.
 * @param {Uint8Array} bytes
 * @param {{place: string, maxBytes: number, maxDepth?: number}} bounds
 * @throws {InvalidInput} names the place (with the member's path) and the rule.
 */
export function decodeJson(bytes, { place, maxBytes, maxDepth = MAX_DEPTH }) {
  if (bytes.length > maxBytes) {
    throw new InvalidInput(
      place, `${bytes.length} bytes, at most ${maxBytes} are allowed`, `超过 ${maxBytes} 字节`);
  }
  return new JsonText(decodeUtf8(bytes, place), place, maxDepth).whole();
}

/** `decodeJson`, and the outermost value must be an object. */
export function decodeJsonObject(bytes, bounds) {
  const value = decodeJson(bytes, bounds);
  if (!isObject(value)) {
    throw new InvalidInput(bounds.place, "must be a JSON object", "须为 JSON 对象");
  }
  return value;
}

/** Whether a decoded value is an object, and no array. */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Encode strings, integers, arrays and objects as RFC 8785 does; member names are ASCII.
 * @throws {InvalidInput} JSON has no form here for the value.
 */
export function canonicalJson(value) {
  const pieces = [];
  write(value, pieces);
  return utf8(pieces.join(""));
}

function write(value, pieces) {
  if (typeof value === "string") {
    pieces.push(quoted(value));
  } else if (Number.isSafeInteger(value)) {
    pieces.push(String(value));
  } else if (Array.isArray(value)) {
    value.forEach((item, position) => {
      pieces.push(position === 0 ? "[" : ",");
      write(item, pieces);
    });
    pieces.push(value.length === 0 ? "[]" : "]");
  } else if (isObject(value)) {
    writeMembers(value, pieces);
  } else {
    throw new InvalidInput("canonical JSON", "cannot hold this value", "无法表示此值");
  }
}

function writeMembers(value, pieces) {
  const names = Object.keys(value).sort();
  names.forEach((name, position) => {
    if (NOT_ASCII.test(name)) {
      throw new InvalidInput(
        "canonical JSON", "a member's name is not ASCII", "成员名含非 ASCII 字符");
    }
    pieces.push(position === 0 ? "{" : ",", quoted(name), ":");
    write(value[name], pieces);
  });
  pieces.push(names.length === 0 ? "{}" : "}");
}

function quoted(text) {
  if (hasLoneSurrogate(text)) {
    throw new InvalidInput(
      "canonical JSON", "lone surrogate in a string", "字符串含不成对的代理码位");
  }
  return JSON.stringify(text);
}

/** Decode an object and require that its bytes are its canonical form (RFC 8785). */
export function decodeCanonicalJson(bytes, bounds) {
  const value = decodeJsonObject(bytes, bounds);
  if (!equal(canonicalJson(value), bytes)) {
    throw new InvalidInput(
      bounds.place, "not in canonical form (RFC 8785)", "不是规范形式（RFC 8785）");
  }
  return value;
}
