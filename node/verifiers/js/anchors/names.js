/**
 * Names in certificates (RFC 5280 §4.1.2.4) as people read them, in the form of RFC 4514.
 * Mirrors node/core/anchors/names.py.
 */

import { decodeUtf8, hasLoneSurrogate, toHex, utf8 } from "../bytes.js";
import { InvalidInput } from "../errors.js";
import { Contents, OID, SEQUENCE, SET, decodeDer, oidOf } from "./der.js";

const SHORT = new Map([
  ["2.5.4.3", "CN"],
  ["2.5.4.5", "serialNumber"],
  ["2.5.4.6", "C"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.9", "street"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  ["2.5.4.97", "organizationIdentifier"],
  ["0.9.2342.19200300.100.1.25", "DC"],
  ["1.2.840.113549.1.9.1", "emailAddress"],
]);
/** UTF8String, PrintableString, TeletexString, IA5String, BMPString. */
const DECODERS = new Map([
  [0x0c, decodeUtf8],
  [0x13, decodeAscii],
  [0x14, (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")],
  [0x16, decodeAscii],
  [0x1e, decodeUtf16],
]);
const MOST_CHARACTERS = 500;
const NOT_PRINTABLE = /[\p{C}\p{Z}]/u;

function decodeAscii(bytes, place) {
  if (bytes.some((byte) => byte > 0x7f)) {
    throw new InvalidInput(place, "is not ascii as its type says", "含非 ASCII 字符，与其类型不符");
  }
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

function decodeUtf16(bytes, place) {
  let text = "";
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    text += String.fromCharCode((bytes[at] << 8) | bytes[at + 1]);
  }
  if (bytes.length % 2 === 1 || hasLoneSurrogate(text)) {
    throw new InvalidInput(place, "is not utf-16-be as its type says", "不是有效的 UTF-16");
  }
  return text;
}

/** Whether a character can be shown: no control, format or unassigned one, no odd space. */
export function isPrintable(character) {
  return character === " " || !NOT_PRINTABLE.test(character);
}

/**
 * A Name in one line, the most particular part first, as `CN=…,O=…,C=…`.
 *
 * What cannot be printed, and what RFC 4514 §2.4 escapes, stands there escaped.
 *
 * @throws {InvalidInput} it is no Name.
 */
export function nameText(name, place) {
  const parts = new Contents(decodeDer(name, place, SEQUENCE)).rest(SET).map((relative) => (
    new Contents(relative).rest(SEQUENCE).map(pairText).join("+")
  ));
  const characters = Array.from(parts.reverse().join(","));
  const isLong = characters.length > MOST_CHARACTERS;
  return characters.slice(0, MOST_CHARACTERS).join("") + (isLong ? "…" : "");
}

/** What a Name is called by in a sentence: its last common name, else all of it. */
export function commonName(name, place) {
  const whole = nameText(name, place);
  for (const relative of new Contents(decodeDer(name, place, SEQUENCE)).rest(SET).reverse()) {
    for (const pair of new Contents(relative).rest(SEQUENCE).map(pairText)) {
      if (pair.startsWith("CN=") && pair !== "CN=") {
        return pair.slice(3);
      }
    }
  }
  return whole;
}

function pairText(item) {
  const contents = new Contents(item);
  const oid = oidOf(contents.take("type", OID));
  const value = contents.take("value");
  contents.end();
  const decode = DECODERS.get(value.tag);
  if (decode === undefined) {
    return `${oid}=#${toHex(value.encoded)}`;
  }
  return `${SHORT.get(oid) ?? oid}=${escaped(decode(value.content, value.place))}`;
}

function escaped(text) {
  const characters = Array.from(text);
  return characters.map((character, place) => {
    const isAtAnEnd = place === 0 || place === characters.length - 1;
    const isOuter = (character === " " && isAtAnEnd) || (character === "#" && place === 0);
    if ('",+;<>\\'.includes(character) || isOuter) {
      return `\\${character}`;
    }
    return isPrintable(character) ? character : escapedOctets(character);
  }).join("");
}

function escapedOctets(character) {
  const octets = Array.from(utf8(character), (octet) => octet.toString(16).padStart(2, "0"));
  return octets.map((octet) => `\\${octet.toUpperCase()}`).join("");
}
