/**
 * What a revision after the seal changes (ETSI EN 319 142-1 §5.4, §5.5): validation data, document
 * time-stamps with their invisible fields, and the dates in the document's own description. Mirrors
 * node/core/pdf/later.py.
 *
 * An allow-list. Of every object that a revision writes it must be known what it is there for; the
 * rest of the document must be the same, object by object. Nothing is allowed that a page could
 * show.
 */

import { compare } from "../bytes.js";
import { InvalidInput } from "../errors.js";
import { Ref, Stream, binaryBytes, binaryText, isNumber, same } from "./objects.js";
import { TIME_STAMP } from "./signature_fields.js";
import { checkValidationData } from "./validation_data.js";

const CATALOG = ["AcroForm", "DSS", "Extensions", "Metadata", "Version"];
const INFORMATION = ["ModDate", "Producer"];
const FIELD = ["FT", "T", "TU", "Type", "Subtype", "F", "Rect", "P", "V"];
const STAMP = ["Type", "Filter", "SubFilter", "Contents", "ByteRange"];
const EXTENSION = ["Type", "BaseVersion", "ExtensionLevel", "ExtensionRevision", "URL"];
const HIDDEN_PRINTED_LOCKED = 132;
const NAME = /^[!-~]{1,64}$/;
// A reader shows it as a hint, or reads it aloud: nobody may say more there after the seal.
const SPOKEN = "Timestamp";
const METADATA_WORD = />([^<>]+)|[\w:.-]+(?:="([^"]*)"|='([^']*)')?/g;
const NAMESPACE = /xmlns(?::[\w.-]+)?=(?:"[^"]*"|'[^']*')/g;
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
const PRODUCER = /^pyHanko [0-9.]{1,20}$/;
const OUTER_SPACE = /^[\t-\r ]+|[\t-\r ]+$/g;
const RULE = "something else was changed after it was sealed";

/**
 * Check that `after`, the revision behind `before`, changes nothing that was sealed.
 * @throws {InvalidInput} it does; names the object.
 */
export function checkLater(before, after, place) {
  new Comparison(before, after, place).check();
}

/** Walks over what may have changed and marks it; what then is unmarked must be the same. */
class Comparison {
  constructor(before, after, place) {
    this._before = before;
    this._after = after;
    this._place = place;
    this._explained = new Set();
    this._names = new Set();
  }

  check() {
    for (const name of ["Root", "Info"]) {
      if (!same(this._before.trailer.get(name), this._after.trailer.get(name))) {
        throw this._fault(`trailer ${name}`);
      }
    }
    this._explained.add(this._after.trailer.get("Root").number);
    const [old, now] = [this._before.catalog(), this._after.catalog()];
    this._sameBut(old, now, CATALOG, "catalog");
    if (!same(old.get("Metadata"), now.get("Metadata"))) {
      throw this._fault("catalog Metadata");
    }
    this._information();
    this._metadata(now.get("Metadata"));
    this._extensions(old.get("Extensions"), now.get("Extensions"));
    this._version(old.get("Version"), now.get("Version"));
    this._form(old, now);
    const data = checkValidationData(this._before, this._after, this._place);
    data.forEach((number) => this._explained.add(number));
    for (const number of this._after.directories) {
      if (!this._before.objects.has(number)) {
        this._explained.add(number);
      }
    }
    this._rest();
  }

  _fault(what) {
    return new InvalidInput(`${this._place}, ${what}`, RULE, "签章后有其他内容被改动");
  }

  /** Two dictionaries must be the same but for the members `names`. */
  _sameBut(old, now, names, what) {
    if (!(old instanceof Map) || !(now instanceof Map)) {
      throw this._fault(what);
    }
    for (const name of new Set([...old.keys(), ...now.keys()])) {
      if (!names.includes(name)
          && (!old.has(name) || !now.has(name) || !same(old.get(name), now.get(name)))) {
        throw this._fault(`${what} ${name.slice(0, 64)}`);
      }
    }
  }

  _version(old, now) {
    const grown = old === undefined || same(old, now);
    if (!grown || !(same(now, old) || now === "2.0")) {
      throw this._fault("catalog Version");
    }
  }

  /** The document information dictionary: when it was changed and with what. */
  _information() {
    const reference = this._after.trailer.get("Info");
    if (reference === undefined) {
      return;
    }
    const old = this._before.dictionary(reference, `${this._place} Info`);
    const now = this._after.dictionary(reference, `${this._place} Info`);
    this._sameBut(old, now, INFORMATION, "Info");
    if (INFORMATION.some((name) => now.has(name) && !(now.get(name) instanceof Uint8Array))) {
      throw this._fault("Info");
    }
    this._explained.add(reference.number);
  }

  /** The XMP description: written anew with another date, and with no other words. */
  _metadata(reference) {
    if (!(reference instanceof Ref)) {
      return;
    }
    const old = this._before.object(reference, `${this._place} Metadata`).value;
    const now = this._after.object(reference, `${this._place} Metadata`).value;
    if (!(old instanceof Stream) || !(now instanceof Stream)) {
      throw this._fault("Metadata");
    }
    if (!same(old, now)) {
      this._sameBut(old.entries, now.entries, ["Length"], "Metadata");
      if (now.entries.has("Filter") || !same(words(old.raw), words(now.raw))
          || binaryText(now.raw).includes("<!")) {
        throw this._fault("Metadata");
      }
    }
    this._explained.add(reference.number);
  }

  /** Developer extensions (ISO 32000-2 §7.12) may join: plain words about the file's form. */
  _extensions(was, is) {
    if (is === undefined || same(was, is)) {
      return;
    }
    this._explain(is, was, "Extensions");
    const old = this._before.dictionary(was ?? new Map(), `${this._place} Extensions`);
    const now = this._after.dictionary(is, `${this._place} Extensions`);
    for (const [name, value] of old) {
      if (!now.has(name) || !same(value, now.get(name))) {
        throw this._fault(`Extensions ${name.slice(0, 64)}`);
      }
    }
    for (const [name, value] of now) {
      const items = Array.isArray(value) ? value : [value];
      if (!old.has(name) && !items.every(isExtension)) {
        throw this._fault(`Extensions ${name.slice(0, 64)}`);
      }
    }
  }

  /** An object that may differ: it had this place before, or it is a new one. */
  _explain(value, before, what) {
    if (!(value instanceof Ref)) {
      return;
    }
    if (!same(value, before) && this._before.objects.has(value.number)) {
      throw this._fault(what);
    }
    this._explained.add(value.number);
  }

  /** The form may have further fields, each an invisible one with a document time-stamp. */
  _form(oldCatalog, newCatalog) {
    const place = `${this._place} AcroForm`;
    const [oldForm, newForm] = [oldCatalog.get("AcroForm"), newCatalog.get("AcroForm")];
    if (oldForm instanceof Ref && !same(oldForm, newForm)) {
      throw this._fault("AcroForm");
    }
    const old = this._before.dictionary(oldForm ?? new Map(), place);
    const now = this._after.dictionary(newForm ?? new Map(), place);
    this._sameBut(old, now, ["Fields", "SigFlags"], "AcroForm");
    const flags = now.get("SigFlags") ?? old.get("SigFlags");
    if (!same(flags, old.get("SigFlags")) && !isNumber(flags, 3)) {
      throw this._fault("AcroForm SigFlags");
    }
    const before = this._before.array(old.get("Fields") ?? [], place);
    const after = this._after.array(now.get("Fields") ?? [], place);
    if (!same(before, after.slice(0, before.length))) {
      throw this._fault("AcroForm Fields");
    }
    this._names = new Set(before.map((item) => (
      textOf(this._before.dictionary(item, place).get("T"))
    )));
    for (let position = before.length; position < after.length; position += 1) {
      this._field(after[position], `AcroForm Fields[${position}]`);
    }
    this._explain(newForm, oldForm, "AcroForm");
    this._explain(now.get("Fields"), old.get("Fields"), "AcroForm Fields");
  }

  _field(reference, what) {
    const one = this._new(reference, what);
    const { entries } = one;
    const rectangle = entries.get("Rect");
    const invisible = Array.isArray(rectangle) && rectangle.length === 4
      && rectangle.every((item) => isNumber(item, 0));
    const named = entries.get("FT") === "Sig" && entries.get("Type") === "Annot"
      && entries.get("Subtype") === "Widget" && isNumber(entries.get("F"), HIDDEN_PRINTED_LOCKED);
    const known = [...entries.keys()].every((key) => FIELD.includes(key));
    if (!known || !invisible || !named) {
      throw this._fault(what);
    }
    this._called(entries, what);
    const stamp = this._new(entries.get("V"), what);
    if (![...stamp.entries.keys()].every((key) => STAMP.includes(key))
        || stamp.entries.get("SubFilter") !== TIME_STAMP) {
      throw this._fault(what);
    }
    this._explained.add(one.number);
    this._explained.add(stamp.number);
    this._page(entries.get("P"), one.number, what);
  }

  /** Its name, which no other field has; and what is read aloud of it says no more. */
  _called(entries, what) {
    const name = textOf(entries.get("T"));
    if (!NAME.test(name) || this._names.has(name)) {
      throw this._fault(`${what}, its name`);
    }
    if (entries.has("TU") && textOf(entries.get("TU")) !== SPOKEN) {
      throw this._fault(`${what}, what is read aloud of it`);
    }
    this._names.add(name);
  }

  /** An object that was not there before. */
  _new(reference, what) {
    const one = this._after.object(reference, `${this._place}, ${what}`);
    if (this._before.objects.has(one.number) || !(one.value instanceof Map)) {
      throw this._fault(what);
    }
    return one;
  }

  /** The page that the field is on may have it among its annotations, and nothing else. */
  _page(reference, field, what) {
    const old = this._before.dictionary(reference, `${this._place}, ${what}`);
    const now = this._after.dictionary(reference, `${this._place}, ${what}`);
    if (old.get("Type") !== "Page") {
      throw this._fault(what);
    }
    this._sameBut(old, now, ["Annots"], what);
    const [before, after] = [old.get("Annots"), now.get("Annots")];
    if (before instanceof Ref && !same(before, after)) {
      throw this._fault(`${what} Annots`);
    }
    const had = this._before.array(before ?? [], what);
    const has = this._after.array(after ?? [], what);
    const isField = (item) => item instanceof Ref && item.number === field;
    if (!same(had, has.slice(0, had.length)) || !has.slice(had.length).every(isField)) {
      throw this._fault(`${what} Annots`);
    }
    this._explain(reference, reference, what);
    this._explain(after, before, `${what} Annots`);
  }

  /** Whatever else the revision wrote must be what stood there before. */
  _rest() {
    const numbers = [...this._after.objects.keys()].sort((one, other) => one - other);
    for (const number of numbers) {
      const one = this._after.objects.get(number);
      const old = this._before.objects.get(number);
      if (one !== old && !this._explained.has(number)
          && (old === undefined || !same(old.value, one.value))) {
        throw this._fault(`object ${number}`);
      }
    }
  }
}

/** A string as text of one character for each byte; "" for anything else. */
function textOf(value) {
  return value instanceof Uint8Array ? binaryText(value) : "";
}

function isExtension(item) {
  return item instanceof Map && [...item].every(([name, value]) => (
    EXTENSION.includes(name)
    && !(value instanceof Map || Array.isArray(value) || value instanceof Ref)
  ));
}

/**
 * The texts and attributes of an XMP packet in order of their bytes, without dates and without what
 * wrote it. Comments and the like, which could hide some, must not stand in it.
 */
function words(metadata) {
  const found = [];
  for (const match of binaryText(metadata).replace(NAMESPACE, "").matchAll(METADATA_WORD)) {
    const word = match.slice(1).join("").replace(OUTER_SPACE, "");
    if (word !== "" && !DATE.test(word) && !PRODUCER.test(word)) {
      found.push(binaryBytes(word));
    }
  }
  return found.sort(compare);
}
