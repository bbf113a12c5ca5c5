/**
 * The document security store (ISO 32000-2 §12.8.4.3): certificates, lists and answers about them.
 * Mirrors node/core/pdf/validation_data.py.
 *
 * It only says what a validator may want to look at, so it may grow after the seal. Its objects
 * must be its own: none that a page or the form uses, and each a document in DER, or a list of
 * such.
 */

import { SEQUENCE, decodeDer } from "../anchors/der.js";
import { InvalidInput } from "../errors.js";
import { decodeStream } from "./filters.js";
import { Ref, Stream } from "./objects.js";

const STORE = ["Certs", "CRLs", "OCSPs", "VRI", "Type"];
const RELATED = ["Cert", "CRL", "OCSP", "TS", "TU", "Type"];
const LISTS = ["Certs", "CRLs", "OCSPs", "Cert", "CRL", "OCSP"];
const SIGNATURE = /^[0-9A-F]{40}$/;
const MOST_ITEMS = 1_000;
const MOST_BYTES = 16 << 20;
const STREAM = ["Length", "Filter", "DecodeParms"];

/**
 * Check the store of `after`.
 *
 * @returns {Set<number>} the numbers of the objects that are of it and of nothing else.
 * @throws {InvalidInput} something else stands in it, or it is made of objects that were something
 *   else before.
 */
export function checkValidationData(before, after, place) {
  const value = after.catalog().get("DSS");
  const old = before.catalog().get("DSS");
  if (value === undefined) {
    if (old !== undefined) {
      throw new InvalidInput(`${place}, DSS`, "validation data was taken away", "验证资料被移除");
    }
    return new Set();
  }
  const numbers = new Store(after, `${place}, DSS`, true).walk(value);
  const mine = old === undefined ? new Set()
    : new Store(before, `${place}, DSS`, false).walk(old);
  for (const number of numbers) {
    if (!mine.has(number) && before.objects.has(number)) {
      throw new InvalidInput(
        `${place}, DSS`,
        `object ${number} was something else when it was sealed`,
        `对象 ${number} 在签章时另有用途`,
      );
    }
  }
  return numbers;
}

/**
 * Walks over all of a store and notes the numbers of its objects. Of a store that stood there before
 * the documents are not read (`reads`): their turn was earlier.
 */
class Store {
  constructor(view, place, reads) {
    this._view = view;
    this._place = place;
    this._reads = reads;
    this._numbers = new Set();
    this._left = MOST_ITEMS;
    this._bytesLeft = MOST_BYTES;
  }

  walk(value) {
    const store = this._dictionary(value, STORE);
    this._lists(store);
    const related = this._dictionary(store.get("VRI") ?? new Map(), null);
    for (const [name, item] of related) {
      if (!SIGNATURE.test(name)) {
        throw new InvalidInput(
          `${this._place} VRI`, "must be of signatures, by SHA-1", "VRI 须以签名的 SHA-1 命名");
      }
      this._lists(this._dictionary(item, RELATED));
    }
    return this._numbers;
  }

  /** What `value` is or refers to, its number noted. */
  _note(value) {
    if (value instanceof Ref) {
      this._numbers.add(value.number);
    }
    this._left -= 1;
    if (this._left < 0) {
      throw new InvalidInput(this._place, `has more than ${MOST_ITEMS} items`, "验证资料过多");
    }
    return this._view.resolve(value, this._place);
  }

  _dictionary(value, known) {
    const found = this._note(value);
    const isKnown = (name) => known === null || known.includes(name);
    if (!(found instanceof Map) || ![...found.keys()].every(isKnown)) {
      throw new InvalidInput(
        this._place, "holds something that is no validation data", "含有不属于验证资料的内容");
    }
    return found;
  }

  _lists(holder) {
    for (const [name, value] of holder) {
      const place = `${this._place} ${name}`;
      if (LISTS.includes(name)) {
        const items = this._note(value);
        if (!Array.isArray(items)) {
          throw new InvalidInput(place, "must be an array", "须为数组");
        }
        items.forEach((item) => this._document(item, place));
      } else if (name === "TS") {
        this._document(value, place);
      } else if (name !== "VRI" && typeof value !== "string" && !(value instanceof Uint8Array)) {
        throw new InvalidInput(place, "must be a name or a date", "须为名称或日期");
      }
    }
  }

  _document(value, place) {
    const known = value instanceof Ref && this._numbers.has(value.number);
    const stream = this._note(value);
    if (known) {
      return;
    }
    const isPlain = stream instanceof Stream
      && [...stream.entries.keys()].every((name) => STREAM.includes(name));
    if (!isPlain) {
      throw new InvalidInput(
        place, "must be streams of documents in DER", "须为 DER 编码的文档");
    }
    if (this._reads) {
      const unpacked = decodeStream(stream, place, this._bytesLeft);
      this._bytesLeft -= unpacked.length;
      decodeDer(unpacked, place, SEQUENCE);
    }
  }
}
