/**
 * Reading objects of PDF files, token by token (ISO 32000-2 §7.2, §7.3). Mirrors
 * node/core/pdf/reader.py.
 */

import { InvalidInput } from "../errors.js";
import { IndirectObject, Keyword, Real, Ref, Stream, binaryBytes } from "./objects.js";

/** Levels of arrays and dictionaries in one another. */
export const MAX_DEPTH = 32;
/** Of one object without the contents of its stream. */
export const MAX_OBJECT_BYTES = 1 << 20;

const MOST_DIGITS = 10;
const AFTER = "(?![^\\x00\\t\\n\\x0c\\r ()<>\\[\\]{}/%])";
const SPACE = /[\x00\t\n\x0c\r ]*/y;
const TOKEN = new RegExp(
  `(?<reference>[1-9]\\d{0,6} 0 R${AFTER})`
    + `|(?<number>[+-]?(?:\\d+(?:\\.\\d*)?|\\.\\d+)${AFTER})`
    + "|/(?<name>[^\\x00\\t\\n\\x0c\\r ()<>\\[\\]{}/%]*)"
    + "|(?<open><<|\\[)"
    + "|<(?<hex>(?:[0-9A-Fa-f]{2})*)>"
    + `|(?<keyword>true|false|null)${AFTER}`
    + "|(?<literal>\\()",
  "y",
);
const LITERAL = /[^()\\\r]*/y;
const ESCAPE = /\\(?:([0-3][0-7]{2})|([nrtbf()\\])|(\r\n|\r|\n))/y;
const ESCAPED = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };
const NAME_ESCAPE = /#([0-9A-Fa-f]{2})/g;
const HEADER = new RegExp(`([1-9]\\d{0,6}) 0 obj${AFTER}`, "y");
const STREAM = /stream(\r\n|\n)/y;
const END_STREAM = /(?:\r\n|\n|\r)?endstream[\x00\t\n\x0c\r ]+endobj/y;

/** What `pattern` (sticky) finds in `text` at `at`, or null. */
export function matchAt(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/**
 * Reads tokens one after the other; `at` is where it is, and where `text` (the bytes as
 * `binaryText` gives them) ends it must stop.
 */
export class Reader {
  constructor(data, text, place, at = 0) {
    this.data = data;
    this.text = text;
    this.place = place;
    this.at = at;
    this._spans = new Map();
  }

  /** The error that says `rule` of the place where the reader is. */
  fail(rule, ruleZh) {
    return new InvalidInput(`${this.place} at byte ${this.at}`, rule, ruleZh);
  }

  /** Go on behind white space. */
  skipSpace() {
    this.at += matchAt(SPACE, this.text, this.at)[0].length;
  }

  /** Go on behind `word`, which must stand here. Throws InvalidInput. */
  take(word) {
    if (!this.text.startsWith(word, this.at)) {
      throw this.fail(`must be ${word}`, `此处须为 ${word}`);
    }
    this.at += word.length;
  }

  /**
   * The object that stands here, behind white space.
   * @throws {InvalidInput} there is none that is read here.
   */
  value(depth = 0) {
    this.skipSpace();
    const found = matchAt(TOKEN, this.text, this.at);
    if (found === null) {
      throw this.fail("is no object of PDF", "不是 PDF 对象");
    }
    this.at += found[0].length;
    const { reference, number, name, open, hex, keyword } = found.groups;
    if (open !== undefined) {
      if (depth >= MAX_DEPTH) {
        throw this.fail(`nested deeper than ${MAX_DEPTH} levels`, `嵌套超过 ${MAX_DEPTH} 层`);
      }
      return open === "[" ? this._array(depth) : this._dictionary(depth);
    }
    if (reference !== undefined) {
      return new Ref(Number(reference.slice(0, -4)));
    }
    if (number !== undefined) {
      return this._number(number);
    }
    if (name !== undefined) {
      return this._name(name);
    }
    if (hex !== undefined) {
      return hexBytes(hex);
    }
    return keyword === undefined ? this._literal() : new Keyword(keyword);
  }

  _number(text) {
    const [whole, fraction = ""] = text.replace(/^[+-]/, "").split(".");
    if (whole.length > MOST_DIGITS || fraction.length > 2 * MOST_DIGITS) {
      throw this.fail(`a number of more than ${MOST_DIGITS} digits`, "数字过长");
    }
    return text.includes(".") ? new Real(Number(text)) : Number(text) + 0;
  }

  _name(text) {
    if (/[^\x00-\x7f]/.test(text)) {
      throw this.fail("a name outside ASCII is written with # (§7.3.5)", "名称含非 ASCII 字符");
    }
    if (text.split("#").length - 1 !== (text.match(NAME_ESCAPE) ?? []).length) {
      throw this.fail(
        "# in a name is followed by two hexadecimal digits (§7.3.5)", "名称中的 # 写法有误");
    }
    return text.replace(NAME_ESCAPE, (_, digits) => String.fromCharCode(parseInt(digits, 16)));
  }

  _array(depth) {
    const items = [];
    while (!this._closes("]")) {
      items.push(this.value(depth + 1));
    }
    return items;
  }

  _dictionary(depth) {
    const entries = new Map();
    const spans = new Map();
    while (!this._closes(">>")) {
      const name = this.value(depth + 1);
      if (typeof name !== "string") {
        throw this.fail("a dictionary's keys are names (§7.3.7)", "字典的键须为名称");
      }
      if (entries.has(name)) {
        throw this.fail(
          `a dictionary has the key ${name.slice(0, 64)} twice`, "字典中同一键出现两次");
      }
      this.skipSpace();
      const begin = this.at;
      const value = this.value(depth + 1);
      entries.set(name, value);
      if (value instanceof Uint8Array && this.text[begin] === "<") {
        spans.set(name, [begin, this.at]);
      }
    }
    if (depth === 0) {
      this._spans = spans;
    }
    return entries;
  }

  _closes(mark) {
    this.skipSpace();
    if (this.text.startsWith(mark, this.at)) {
      this.at += mark.length;
      return true;
    }
    return false;
  }

  /** A literal string (§7.3.4.2), its opening parenthesis taken. */
  _literal() {
    const out = [];
    let level = 1;
    for (;;) {
      const run = matchAt(LITERAL, this.text, this.at)[0];
      out.push(run);
      this.at += run.length;
      const mark = this.text[this.at];
      if (mark === "\\") {
        out.push(this._escaped());
        continue;
      }
      if (mark !== "(" && mark !== ")") {
        throw this.fail(
          "a string that does not end, or has a bare carriage return", "字符串未结束");
      }
      this.at += 1;
      level += mark === "(" ? 1 : -1;
      if (level === 0) {
        return binaryBytes(out.join(""));
      }
      out.push(mark);
    }
  }

  _escaped() {
    const found = matchAt(ESCAPE, this.text, this.at);
    if (found === null) {
      throw this.fail(
        "no escape of a string: three octal digits or one of nrtbf()\\", "字符串转义写法有误");
    }
    this.at += found[0].length;
    const [, octal, letter] = found;
    if (octal !== undefined) {
      return String.fromCharCode(parseInt(octal, 8));
    }
    return letter === undefined ? "" : (ESCAPED[letter] ?? letter);
  }

  /**
   * The numbered object that stands here (§7.3.10), with its stream if it has one (§7.3.8).
   * @throws {InvalidInput} there is none that is read here.
   */
  indirect() {
    const start = this.at;
    const found = matchAt(HEADER, this.text, this.at);
    if (found === null) {
      throw this.fail("must be a numbered object of generation 0", "须为第 0 代的编号对象");
    }
    this.at += found[0].length;
    const whole = this.text;
    this.text = whole.slice(0, start + MAX_OBJECT_BYTES);
    this._spans = new Map();
    let value = this.value();
    const spans = value instanceof Map ? this._spans : new Map();
    this.skipSpace();
    this.text = whole;
    const begins = matchAt(STREAM, this.text, this.at);
    if (begins === null) {
      this.take("endobj");
    } else {
      this.at += begins[0].length;
      value = this._stream(value);
    }
    return new IndirectObject(Number(found[1]), value, start, this.at, spans);
  }

  _stream(entries) {
    const length = entries instanceof Map ? entries.get("Length") : undefined;
    if (!Number.isInteger(length) || length < 0 || length > this.text.length - this.at) {
      throw this.fail(
        "a stream's length must be a number and inside the file", "流的长度有误或超出文件");
    }
    const begin = this.at;
    this.at += length;
    const found = matchAt(END_STREAM, this.text, this.at);
    if (found === null) {
      throw this.fail(
        "a stream must end where its length says, with endstream and endobj", "流未在应有处结束");
    }
    this.at += found[0].length;
    return new Stream(entries, this.data.subarray(begin, begin + length));
  }
}

function hexBytes(digits) {
  const bytes = new Uint8Array(digits.length / 2);
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = parseInt(digits.slice(2 * at, 2 * at + 2), 16);
  }
  return bytes;
}
