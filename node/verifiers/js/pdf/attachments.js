/**
 * Files inside a PDF (ISO 32000-2 §7.11.4, §14.13; ISO 19005-3 §6.8). Mirrors
 * node/core/pdf/attachments.py.
 *
 * A file is listed twice, in the tree of names that readers show and among the associated files of
 * the document. Here both must list the same ones, each under one name, and no other object of the
 * document may hold a file: so nobody is shown another file than the one that is checked.
 */

import { InvalidInput } from "../errors.js";
import { decodeStream } from "./filters.js";
import { Ref, Stream } from "./objects.js";

const MAX_ATTACHMENTS = 16;
const MAX_ATTACHED_BYTES = 96 * 1024 * 1024;
const MOST_NAME = 64;

/**
 * Contents of the attached files by their names (a Map).
 * @throws {InvalidInput} what lists them is ambiguous, or a file is not whole.
 */
export function readAttachments(view) {
  const catalog = view.catalog();
  const listed = readNames(view, catalog);
  const associated = view.array(catalog.get("AF") ?? [], "pdf AF")
    .map((item) => referenceOf(item, "pdf AF").number);
  const ordered = (numbers) => [...numbers].sort((one, other) => one - other).join();
  const named = [...listed.values()].map(({ number }) => number);
  if (ordered(associated) !== ordered(named) || new Set(associated).size !== associated.length) {
    throw new InvalidInput(
      "pdf AF", "must list the files that the tree of names lists", "附件的两份清单不一致");
  }
  checkHolders(view, associated, ({ entries }) => (
    entries.get("Type") === "Filespec" || entries.has("EF")
  ), true);
  const found = new Map();
  const streams = new Set();
  let left = MAX_ATTACHED_BYTES;
  for (const [name, reference] of listed) {
    const stream = embedded(view, reference, name);
    streams.add(stream.number);
    found.set(name, contentsOf(view, stream, name, left));
    left -= found.get(name).length;
  }
  if (streams.size !== listed.size) {
    throw unlisted();
  }
  checkHolders(view, [...streams], ({ entries }) => entries.get("Type") === "EmbeddedFile", false);
  return found;
}

/** The objects that `holds` says hold a file must be among `known`, and all of them if `exact`. */
function checkHolders(view, known, holds, exact) {
  let count = 0;
  for (const [number, one] of view.objects) {
    if (holds(one)) {
      count += 1;
      if (!known.includes(number)) {
        throw unlisted();
      }
    }
  }
  if (exact && count !== known.length) {
    throw unlisted();
  }
}

function unlisted() {
  return new InvalidInput(
    "pdf", "holds a file that is not among those attached to it", "含有附件清单以外的文件");
}

function referenceOf(value, place) {
  if (!(value instanceof Ref)) {
    throw new InvalidInput(place, "must be references to file specifications", "须为文件说明的引用");
  }
  return value;
}

/** The tree of embedded files: here it is its root alone (§7.9.6). */
function readNames(view, catalog) {
  const names = view.dictionary(catalog.get("Names") ?? new Map(), "pdf Names");
  const place = "pdf Names.EmbeddedFiles";
  const tree = view.dictionary(names.get("EmbeddedFiles") ?? new Map(), place);
  if ([...tree.keys()].some((name) => name !== "Names" && name !== "Limits")) {
    throw new InvalidInput(place, "must have Names, and no branches", "附件名称树不得有分支");
  }
  const items = view.array(tree.get("Names") ?? [], place);
  if (items.length % 2 !== 0 || items.length > 2 * MAX_ATTACHMENTS) {
    throw new InvalidInput(
      place, `must be at most ${MAX_ATTACHMENTS} names with their files`, "附件过多或名称不成对");
  }
  const listed = new Map();
  for (let at = 0; at < items.length; at += 2) {
    const name = nameOf(items[at], place);
    if (listed.has(name)) {
      throw new InvalidInput(place, `names ${name} twice`, `附件 ${name} 出现两次`);
    }
    listed.set(name, referenceOf(items[at + 1], place));
  }
  return listed;
}

/** A file's name: printable ASCII, also where it is written in UTF-16 (§7.9.2.2). */
function nameOf(value, place) {
  if (!(value instanceof Uint8Array)) {
    throw new InvalidInput(place, "a file's name must be a string", "附件名须为字符串");
  }
  let raw = value;
  if (raw[0] === 0xfe && raw[1] === 0xff) {
    if (raw.length % 2 !== 0 || raw.some((byte, at) => at >= 2 && at % 2 === 0 && byte !== 0)) {
      throw new InvalidInput(place, "a file's name must be ASCII", "附件名须为 ASCII");
    }
    raw = raw.filter((_, at) => at >= 3 && at % 2 === 1);
  }
  const printable = raw.every((byte) => byte > 0x20 && byte < 0x7f);
  if (raw.length === 0 || raw.length > MOST_NAME || !printable) {
    throw new InvalidInput(
      place, `a file's name must be 1 to ${MOST_NAME} of ASCII`, "附件名须为 1 至 64 个 ASCII 字符");
  }
  return String.fromCharCode(...raw);
}

/** Where the contents of a file specification are (§7.11.3). */
function embedded(view, reference, name) {
  const place = `pdf file ${name}`;
  const specification = view.dictionary(reference, place);
  if (specification.get("Type") !== "Filespec") {
    throw new InvalidInput(place, "must be a file specification", "须为文件说明");
  }
  for (const key of ["F", "UF"]) {
    if (nameOf(specification.get(key), `${place}.${key}`) !== name) {
      throw new InvalidInput(
        `${place}.${key}`, "must be the name that the file is listed by", "附件名前后不一致");
    }
  }
  const files = view.dictionary(specification.get("EF"), `${place}.EF`);
  const [file, other] = [files.get("F"), files.get("UF") ?? files.get("F")];
  const known = [...files.keys()].every((key) => key === "F" || key === "UF");
  const alike = file instanceof Ref && other instanceof Ref && file.number === other.number;
  if (!known || !alike) {
    throw new InvalidInput(`${place}.EF`, "must lead to one file", "须指向同一文件");
  }
  return file;
}

function contentsOf(view, reference, name, most) {
  const place = `pdf file ${name}`;
  const stream = view.object(reference, place).value;
  if (!(stream instanceof Stream) || stream.entries.get("Type") !== "EmbeddedFile") {
    throw new InvalidInput(place, "must be an embedded file", "须为嵌入的文件");
  }
  return decodeStream(stream, place, most);
}
