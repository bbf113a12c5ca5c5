/**
 * A PDF file and its revisions (ISO 32000-2 §7.5.6), every byte of it accounted for. Mirrors
 * node/core/pdf/revisions.py.
 *
 * A file grows by revisions, each of which ends with a cross-reference section that names the one
 * before. Here the objects that a section names must lie one behind the other in the bytes of its
 * own revision, with nothing but white space between them: what no section names is nowhere.
 */

import { InvalidInput } from "../errors.js";
import { decodeStream } from "./filters.js";
import { IndirectObject, MAX_OBJECTS, Ref, Stream, binaryText } from "./objects.js";
import { Reader } from "./reader.js";
import { readSection } from "./xref.js";

/** Most bytes of a file. */
export const MAX_PDF_BYTES = 64 * 1024 * 1024;
/** Most revisions of a file. */
export const MAX_REVISIONS = 32;

const MOST_TEXT = 8 << 20;
const BEGINNING = /^%PDF-(?:1\.[4-7]|2\.0)[\r\n]+(?:%[^\r\n]*[\r\n]+)?/;
const ENDING = /startxref[\r\n]+(\d{1,10})[\r\n]+%%EOF(?:\r\n|\n|\r)?$/;
const UNNAMED = "something stands there that no cross-reference section names";
const UNNAMED_ZH = "此处有交叉引用段未列出的内容";

/**
 * The document as it is with a revision and all before it: `objects` by their numbers; trailer and
 * `directories` (the numbers of those that only hold the file together) are of that revision.
 */
export class View {
  constructor(trailer, objects, directories) {
    this.trailer = trailer;
    this.objects = objects;
    this.directories = directories;
  }

  /** The object that is referred to. Throws InvalidInput: no reference, or to nothing. */
  object(reference, place) {
    const found = reference instanceof Ref ? this.objects.get(reference.number) : undefined;
    if (found === undefined || found.value instanceof Ref) {
      throw new InvalidInput(
        place, "must be a reference to an object of the file", "须引用文件中的对象");
    }
    return found;
  }

  /** `value`, or what it refers to. */
  resolve(value, place) {
    return value instanceof Ref ? this.object(value, place).value : value;
  }

  /** The dictionary that `value` is or refers to. Throws InvalidInput. */
  dictionary(value, place) {
    const found = this.resolve(value, place);
    if (!(found instanceof Map)) {
      throw new InvalidInput(place, "must be a dictionary", "须为字典");
    }
    return found;
  }

  /** The array that `value` is or refers to. Throws InvalidInput. */
  array(value, place) {
    const found = this.resolve(value, place);
    if (!Array.isArray(found)) {
      throw new InvalidInput(place, "must be an array", "须为数组");
    }
    return found;
  }

  /** The root of the document. */
  catalog() {
    return this.dictionary(this.trailer.get("Root"), "pdf catalog");
  }
}

/**
 * Read a file whole.
 *
 * @returns `{data, revisions, views}`: of each revision, oldest first, its bytes (`start`, `end`),
 *   `trailer` and the objects `written` in it, how many of them stand in the bytes themselves and not
 *   in object streams (`plain`), whether its section is a `table`; and the document after it.
 * @throws {InvalidInput} it is no PDF, cut off, encrypted, too large, or not of the strict form of
 *   docs/spec/certificate.md.
 */
export function readPdf(data) {
  if (data.length > MAX_PDF_BYTES) {
    throw new InvalidInput(
      "pdf", `${data.length} bytes, at most ${MAX_PDF_BYTES} are allowed`, "文件过大");
  }
  const text = binaryText(data);
  const begins = BEGINNING.exec(text);
  if (begins === null) {
    throw new InvalidInput(
      "pdf", "is not a PDF file of a version from 1.4 to 2.0", "不是 1.4 至 2.0 版的 PDF 文件");
  }
  const revisions = [];
  let [start, at, read, count, size] = [0, begins[0].length, 0, 0, 0];
  for (const section of readSections(text, data)) {
    size = grownSize(section, size);
    count += section.offsets.size + section.packed.size;
    if (count > MAX_OBJECTS) {
      throw new InvalidInput("pdf", `has more than ${MAX_OBJECTS} objects`, "对象过多");
    }
    const [written, length] = readObjects(data, text, section, at, MOST_TEXT - read);
    read += length;
    const directories = new Set([...section.packed.values()].map(([number]) => number));
    if (section.own !== null) {
      directories.add(section.own.number);
    }
    revisions.push({
      start, end: section.end, trailer: section.trailer, written, directories,
      plain: section.offsets.size + (section.own === null ? 0 : 1), table: section.own === null,
    });
    start = section.end;
    at = section.end;
  }
  if (start !== data.length) {
    throw new InvalidInput(
      "pdf", `${data.length - start} bytes follow its last revision`, "最后一个版本之后有多余字节");
  }
  return { data, revisions, views: viewsOf(revisions) };
}

/** The Size of a section's trailer, which must not be below that of the revision before. */
function grownSize(section, before) {
  const size = section.trailer.get("Size");
  if (size < before || size > MAX_OBJECTS + 1) {
    throw new InvalidInput(
      `pdf at byte ${section.start}, trailer`,
      `Size must be from ${before}, that of the revision before, to ${MAX_OBJECTS + 1}`,
      "Size 小于前一版本或过大，会使部分对象失效");
  }
  return size;
}

function viewsOf(revisions) {
  let objects = new Map();
  return revisions.map(({ trailer, written, directories }) => {
    objects = new Map([...objects, ...written]);
    return new View(trailer, objects, directories);
  });
}

/** All cross-reference sections, oldest first. */
function readSections(text, data) {
  const ends = ENDING.exec(text.slice(-64));
  if (ends === null) {
    throw new InvalidInput(
      "pdf", "is cut off: it does not end with startxref and %%EOF", "文件不完整，缺少结尾");
  }
  const sections = [];
  let at = Number(ends[1]);
  while (at !== null) {
    const later = sections[sections.length - 1];
    if (sections.length === MAX_REVISIONS) {
      throw new InvalidInput("pdf", `has more than ${MAX_REVISIONS} revisions`, "版本过多");
    }
    if (later !== undefined && at >= later.start) {
      throw new InvalidInput(
        "pdf", "a revision names a later one as the one before it", "版本的先后关系有误");
    }
    const section = readSection(data, text, at);
    if (later !== undefined && section.end > later.start) {
      throw new InvalidInput("pdf", "its revisions lie in one another", "各版本相互重叠");
    }
    sections.push(section);
    at = section.previous;
  }
  return sections.reverse();
}

/**
 * The objects of a revision, which lie one behind the other from `at` up to its section; and how
 * many bytes that was without the streams' contents, at most `most`.
 */
function readObjects(data, text, section, at, most) {
  const reader = new Reader(data, text.slice(0, section.start), "pdf", at);
  const written = new Map();
  let read = 0;
  const places = [...section.offsets].sort((one, other) => one[1] - other[1]);
  for (const [number, offset] of places) {
    reader.skipSpace();
    if (reader.at !== offset) {
      throw reader.fail(UNNAMED, UNNAMED_ZH);
    }
    const found = reader.indirect();
    if (found.number !== number) {
      throw new InvalidInput(
        `pdf at byte ${offset}`, `must be object ${number}`, `此处须为对象 ${number}`);
    }
    const raw = found.value instanceof Stream ? found.value.raw.length : 0;
    read += found.end - found.start - raw;
    if (read > most) {
      throw new InvalidInput(
        "pdf", `has more than ${MOST_TEXT} bytes beside its streams`, "流以外的内容过多");
    }
    written.set(number, found);
  }
  reader.skipSpace();
  if (reader.at !== section.start) {
    throw reader.fail(UNNAMED, UNNAMED_ZH);
  }
  if (section.own !== null) {
    written.set(section.own.number, section.own);
  }
  const inside = readPacked(section, written, most - read);
  return [new Map([...written, ...inside]), read];
}

/** The objects in the revision's object streams (§7.5.7), of which each must be named. */
function readPacked(section, written, most) {
  const found = new Map();
  const streams = [...new Set([...section.packed.values()].map(([number]) => number))]
    .sort((one, other) => one - other);
  const named = [...written].filter(([, one]) => one.entries.get("Type") === "ObjStm");
  if (named.length !== streams.length || named.some(([number]) => !streams.includes(number))) {
    throw new InvalidInput(
      "pdf", "an object stream that is not of its own revision, or unused", "对象流不属于本版本");
  }
  let left = most;
  for (const number of streams) {
    const place = `pdf object ${number}`;
    const holder = written.get(number).value;
    if (!(holder instanceof Stream)) {
      throw new InvalidInput(place, "must be an object stream", "须为对象流");
    }
    const inside = unpack(holder, place, left);
    left -= inside.reduce((sum, one) => sum + one.end - one.start, 0);
    inside.forEach((one, position) => {
      const [stream, index] = section.packed.get(one.number) ?? [0, 0];
      if (stream !== number || index !== position || written.has(one.number)) {
        throw new InvalidInput(place, "holds what no section names", "含交叉引用段未列出的对象");
      }
      found.set(one.number, one);
    });
  }
  if (found.size !== section.packed.size) {
    throw new InvalidInput("pdf", "an object is missing in its object stream", "对象流缺少对象");
  }
  return found;
}

/** The objects of one object stream; their places are those in its contents. */
function unpack(stream, place, most) {
  const count = stream.entries.get("N");
  const first = stream.entries.get("First");
  if (!Number.isInteger(count) || !Number.isInteger(first) || stream.entries.has("Extends")) {
    throw new InvalidInput(place, "must have N and First, and no Extends (§7.5.7)", "对象流有误");
  }
  const data = decodeStream(stream, place, Math.max(most, 0));
  if (count <= 0 || count > MAX_OBJECTS || first <= 0 || first > data.length) {
    throw new InvalidInput(place, "its N or First is out of bounds", "对象流的 N 或 First 超出范围");
  }
  const text = binaryText(data);
  const heads = new Reader(data, text.slice(0, first), place);
  const pairs = Array.from({ length: count }, () => [heads.value(), heads.value()]);
  heads.skipSpace();
  const reader = new Reader(data, text, place, first);
  const found = pairs.map(([number, offset]) => {
    reader.skipSpace();
    const start = reader.at;
    if (!Number.isInteger(number) || heads.at !== first || start - first !== offset) {
      throw reader.fail(
        "its objects must lie one behind the other, as its beginning says", "对象流的排列有误");
    }
    const value = reader.value();
    return new IndirectObject(number, value, start, reader.at);
  });
  reader.skipSpace();
  if (reader.at !== data.length) {
    throw reader.fail("bytes follow its last object", "对象流末尾有多余字节");
  }
  return found;
}
