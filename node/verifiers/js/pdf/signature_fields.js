/**
 * Signatures in a PDF: where they stand, and which bytes they are of (ISO 32000-2 §12.8). Mirrors
 * node/core/pdf/signature_fields.py.
 *
 * A signature is of the file's beginning up to the end of a revision, but for the place of its own
 * `Contents`. That the bytes left out are that hexadecimal string and nothing else is checked here,
 * not believed: in every gap that ByteRange leaves, somebody could put something.
 */

import { concat } from "../bytes.js";
import { InvalidInput } from "../errors.js";
import { Ref } from "./objects.js";

/** SubFilter of a PAdES signature (ETSI EN 319 142-1 §6.3). */
export const DETACHED = "ETSI.CAdES.detached";
/** SubFilter of a document time-stamp (ISO 32000-2 §12.8.5). */
export const TIME_STAMP = "ETSI.RFC3161";

const MAX_SIGNATURES = 16;
const KEYS = [
  "Type", "Filter", "SubFilter", "Contents", "ByteRange", "M", "Name", "Location", "Reason",
  "ContactInfo", "Prop_Build", "Reference",
];

/**
 * All signatures of the file, in the order of what they are of: each `{number, subfilter, revision,
 * contents, covered, place}`, where `revision` counts from 0, `contents` is DER without the zeros
 * that fill its place, and `covered` are the two ranges of bytes that it is of.
 * @throws {InvalidInput} one is not of the form that certificates have; two are of one revision.
 */
export function readSignatures(file) {
  const numbers = signatureObjects(file.views[file.views.length - 1]);
  for (const view of file.views) {
    for (const [number, one] of view.objects) {
      if (one.entries.has("ByteRange") && !numbers.includes(number)) {
        throw unlisted();
      }
    }
  }
  if (numbers.some((number) => !hasByteRange(file, number))) {
    throw unlisted();
  }
  const found = numbers.map((number) => readSignature(file, number));
  found.sort((one, other) => one.revision - other.revision);
  if (new Set(found.map((one) => one.revision)).size !== found.length) {
    throw new InvalidInput("pdf", "has two signatures of one revision", "同一版本有两个签名");
  }
  return found;
}

function hasByteRange(file, number) {
  return file.views.some((view) => view.objects.get(number)?.entries.has("ByteRange"));
}

function unlisted() {
  return new InvalidInput(
    "pdf", "holds a signature that is in no field of its form", "含有不属于任何签名域的签名");
}

/** What a signature is of. */
export function signedBytes(signature, data) {
  return concat(...signature.covered.map(([start, end]) => data.subarray(start, end)));
}

/** The numbers of the signature dictionaries that the form's fields have as their values. */
function signatureObjects(view) {
  const form = view.dictionary(view.catalog().get("AcroForm") ?? new Map(), "pdf AcroForm");
  const fields = view.array(form.get("Fields") ?? [], "pdf AcroForm.Fields");
  if (fields.length > MAX_SIGNATURES) {
    throw new InvalidInput("pdf AcroForm.Fields", `must be at most ${MAX_SIGNATURES}`, "签名域过多");
  }
  const numbers = fields.map((item, position) => {
    const place = `pdf AcroForm.Fields[${position}]`;
    const entries = view.dictionary(item, place);
    if (entries.get("FT") !== "Sig" || !(entries.get("V") instanceof Ref)) {
      throw new InvalidInput(place, "must be a signature, and signed", "须为已签署的签名域");
    }
    if (entries.has("Kids") || entries.has("Parent")) {
      throw new InvalidInput(place, "must be a field of its own", "须为独立的签名域");
    }
    return view.object(entries.get("V"), place).number;
  });
  if (new Set(numbers).size !== numbers.length) {
    throw new InvalidInput(
      "pdf AcroForm.Fields", "two fields have one signature", "两个签名域共用一个签名");
  }
  return numbers;
}

function readSignature(file, number) {
  const place = `pdf signature (object ${number})`;
  const writers = file.revisions.flatMap(({ written }, at) => (written.has(number) ? [at] : []));
  if (writers.length !== 1) {
    throw new InvalidInput(place, "was written more than once", "签名对象被改写");
  }
  const [position] = writers;
  const revision = file.revisions[position];
  const one = revision.written.get(number);
  const { entries } = one;
  for (const key of entries.keys()) {
    if (!KEYS.includes(key)) {
      throw new InvalidInput(
        place, `${key.slice(0, 64)} is not used in certificates`, "签名含证书不使用的项");
    }
  }
  const subfilter = entries.get("SubFilter");
  const hole = one.hexadecimal.get("Contents");
  if ((subfilter !== DETACHED && subfilter !== TIME_STAMP) || hole === undefined) {
    throw new InvalidInput(
      place, `must be ${DETACHED} or ${TIME_STAMP}, in hexadecimal`, "签名类型不受支持");
  }
  if (one.start < revision.start || one.end > revision.end) {
    throw new InvalidInput(place, "must stand in its revision itself", "签名对象的位置有误");
  }
  const expected = [0, hole[0], hole[1], revision.end - hole[1]];
  const range = entries.get("ByteRange");
  const same = Array.isArray(range) && range.length === 4
    && range.every((item, at) => item === expected[at]);
  if (!same) {
    throw new InvalidInput(
      `${place}.ByteRange`,
      "must be of the whole revision but for Contents: bytes are left out, or are behind it",
      "签名未覆盖该版本的全部字节",
    );
  }
  return {
    number,
    subfilter,
    revision: position,
    contents: withoutFilling(entries.get("Contents"), `${place}.Contents`),
    covered: [[0, hole[0]], [hole[1], revision.end]],
    place,
  };
}

/** The DER value at the beginning; behind it only zeros may fill the place. */
function withoutFilling(padded, place) {
  let length = 0;
  if (padded.length > 1 && padded[0] === 0x30) {
    const short = padded[1] & 0x7f;
    length = 2 + short;
    if (padded[1] & 0x80) {
      const long = padded.subarray(2, 2 + short).reduce((sum, byte) => sum * 256 + byte, 0);
      length = short <= 4 ? 2 + short + long : 0;
    }
  }
  if (length <= 2 || length > padded.length || padded.subarray(length).some((byte) => byte !== 0)) {
    throw new InvalidInput(
      place, "must be one DER value, with nothing behind it but zeros", "签名值之后有多余内容");
  }
  return padded.subarray(0, length);
}
