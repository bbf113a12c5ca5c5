/**
 * Cross-reference sections, in tables and in streams (ISO 32000-2 §7.5.4, §7.5.5, §7.5.8). Mirrors
 * node/core/pdf/xref.py.
 */

import { InvalidInput } from "../errors.js";
import { decodeStream } from "./filters.js";
import { MAX_OBJECTS, Ref, Stream } from "./objects.js";
import { Reader, matchAt } from "./reader.js";

const SUBSECTION = /(\d{1,7}) (\d{1,7}) ?(?:\r\n|\n|\r)/y;
const ENTRY = /(\d{10}) (\d{5}) ([nf])(?: \r| \n|\r\n)/y;
const END = /[\x00\t\n\x0c\r ]*startxref[\r\n]+(\d{1,10})[\r\n]+%%EOF(?:\r\n|\n|\r)?/y;
const TRAILER = ["Size", "Root", "Info", "ID", "Prev"];
const OF_STREAM = ["Type", "W", "Index", "Length", "Filter", "DecodeParms"];
const IN_USE = 1;
const IN_STREAM = 2;
const ONLY_ZERO_FREE = "only object 0 is free, and every generation is 0";

/**
 * The section that begins at `start`, up to its %%EOF.
 *
 * @returns `{start, end, trailer, offsets, packed, own, previous}`: the bytes of its revision go up
 *   to `end`; `offsets` are the places of objects (a Map), `packed` the [object stream, index] of
 *   others, `own` the object that it is itself in where it is a stream, else null.
 * @throws {InvalidInput} there is none, or it is not of the form of docs/spec/certificate.md.
 */
export function readSection(data, text, start) {
  const reader = new Reader(data, text, "pdf", start);
  let own = null;
  let offsets;
  let packed = new Map();
  let trailer;
  if (text.startsWith("xref", start)) {
    offsets = readTable(reader);
    trailer = reader.value();
  } else {
    own = reader.indirect();
    trailer = own.entries;
    if (trailer.get("Type") !== "XRef" || !(own.value instanceof Stream)) {
      throw new InvalidInput(
        `pdf at byte ${start}`, "must be a cross-reference section", "此处须为交叉引用段");
    }
    [offsets, packed] = readStream(own.value, start);
    if ((offsets.get(own.number) ?? start) !== start) {
      throw new InvalidInput(
        `pdf at byte ${start}`, "names another place for itself", "交叉引用段自身位置不符");
    }
    offsets.delete(own.number);
  }
  const known = own === null ? TRAILER : [...TRAILER, ...OF_STREAM];
  checkTrailer(trailer, known, [...offsets.keys(), ...packed.keys()], start);
  const found = matchAt(END, text, reader.at);
  if (found === null || Number(found[1]) !== start) {
    throw reader.fail(
      "startxref with the section's place and %%EOF must follow (§7.5.5)", "版本结尾有误");
  }
  const end = reader.at + found[0].length;
  return { start, end, trailer, offsets, packed, own, previous: trailer.get("Prev") ?? null };
}

function checkTrailer(trailer, known, numbers, start) {
  const place = `pdf at byte ${start}, trailer`;
  if (!(trailer instanceof Map)) {
    throw new InvalidInput(place, "must be a dictionary", "须为字典");
  }
  if (trailer.has("Encrypt")) {
    throw new InvalidInput(
      "pdf", "is encrypted: a certificate can be read by everybody", "文件已加密：证书应人人可读");
  }
  for (const name of trailer.keys()) {
    if (!known.includes(name)) {
      throw new InvalidInput(
        place, `${name.slice(0, 64)} is not used in certificates`, "含证书不使用的项");
    }
  }
  const size = trailer.get("Size");
  if (!Number.isInteger(size) || numbers.some((number) => number >= size)) {
    throw new InvalidInput(
      place, "Size must be above the number of every object", "Size 小于对象编号");
  }
  const info = trailer.get("Info");
  if (!(trailer.get("Root") instanceof Ref) || !(info === undefined || info instanceof Ref)) {
    throw new InvalidInput(
      place, "Root must be a reference, and Info where there is one", "Root 与 Info 须为引用");
  }
  const previous = trailer.get("Prev") ?? 0;
  if (!Number.isInteger(previous) || previous < 0) {
    throw new InvalidInput(place, "Prev must be a place in the file", "Prev 须为文件中的位置");
  }
}

/** The offsets of a table's objects; only object 0 is free. */
function readTable(reader) {
  reader.take("xref");
  reader.skipSpace();
  const offsets = new Map();
  const seen = new Set();
  while (!reader.text.startsWith("trailer", reader.at)) {
    const found = matchAt(SUBSECTION, reader.text, reader.at);
    if (found === null) {
      throw reader.fail(
        "must be a subsection of the cross-reference table (§7.5.4)", "交叉引用表格式有误");
    }
    const [first, count] = [Number(found[1]), Number(found[2])];
    reader.at += found[0].length;
    if (first + count > MAX_OBJECTS || seen.size + count > MAX_OBJECTS) {
      throw reader.fail(
        `a certificate has at most ${MAX_OBJECTS} objects`, `对象不得超过 ${MAX_OBJECTS} 个`);
    }
    for (let number = first; number < first + count; number += 1) {
      const offset = readEntry(reader, number);
      if (seen.has(number)) {
        throw reader.fail(`names object ${number} twice`, `对象 ${number} 出现两次`);
      }
      seen.add(number);
      if (offset !== null) {
        offsets.set(number, offset);
      }
    }
  }
  reader.take("trailer");
  return offsets;
}

function readEntry(reader, number) {
  const found = matchAt(ENTRY, reader.text, reader.at);
  if (found === null) {
    throw reader.fail("must be an entry of 20 bytes (§7.5.4)", "交叉引用表的条目须为 20 字节");
  }
  if ((found[3] === "f") !== (number === 0) || (number !== 0 && found[2] !== "00000")) {
    throw reader.fail(ONLY_ZERO_FREE, "只有对象 0 可为空闲，且各代号须为 0");
  }
  reader.at += found[0].length;
  return number === 0 ? null : Number(found[1]);
}

/** Offsets, and places in object streams, of a cross-reference stream (§7.5.8). */
function readStream(stream, start) {
  const place = `pdf at byte ${start}, cross-reference stream`;
  const widths = stream.entries.get("W");
  const index = stream.entries.get("Index") ?? [0, stream.entries.get("Size")];
  if (!areNumbers(widths, 8) || widths.length !== 3 || widths[0] === 0) {
    throw new InvalidInput(
      place, "W must be three widths, the first from 1 (§7.5.8.2)", "W 须为三个宽度");
  }
  if (!areNumbers(index, MAX_OBJECTS) || index.length % 2 !== 0) {
    throw new InvalidInput(place, "Index must be pairs of numbers (§7.5.8.2)", "Index 须成对");
  }
  const numbers = readNumbers(index, place);
  const row = widths[0] + widths[1] + widths[2];
  const data = decodeStream(stream, place, row * numbers.length);
  if (data.length !== row * numbers.length) {
    throw new InvalidInput(place, "does not hold what Index names", "内容与 Index 不符");
  }
  const offsets = new Map();
  const packed = new Map();
  numbers.forEach((number, position) => {
    const fields = readFields(data.subarray(position * row, (position + 1) * row), widths);
    const [kind, second, third] = fields;
    if (kind === IN_USE && third === 0 && number !== 0) {
      offsets.set(number, second);
    } else if (kind === IN_STREAM && number !== 0) {
      packed.set(number, [second, third]);
    } else if (kind !== 0 || number !== 0) {
      throw new InvalidInput(place, ONLY_ZERO_FREE, "只有对象 0 可为空闲，且各代号须为 0");
    }
  });
  return [offsets, packed];
}

function readNumbers(index, place) {
  const numbers = [];
  for (let at = 0; at < index.length && numbers.length <= MAX_OBJECTS; at += 2) {
    const end = Math.min(index[at] + index[at + 1], MAX_OBJECTS + 1);
    for (let number = index[at]; number < end; number += 1) {
      numbers.push(number);
    }
  }
  if (new Set(numbers).size !== numbers.length || numbers.length > MAX_OBJECTS) {
    throw new InvalidInput(
      place, `names an object twice, or more than ${MAX_OBJECTS}`, "对象重复或过多");
  }
  return numbers;
}

function areNumbers(value, most) {
  return Array.isArray(value) && value.length > 0 && value.length <= 2 * MAX_OBJECTS
    && value.every((item) => Number.isInteger(item) && item >= 0 && item <= most);
}

function readFields(row, widths) {
  const fields = [];
  let at = 0;
  for (const width of widths) {
    let number = 0;
    for (const byte of row.subarray(at, at + width)) {
      number = number * 256 + byte;
    }
    fields.push(number);
    at += width;
  }
  return fields;
}
