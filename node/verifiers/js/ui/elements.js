/**
 * Elements made of text alone: nothing that a file says is ever read as HTML.
 *
 * Characters that would not be seen, or would reorder what is, are written out.
 */

/**
 * Controls, marks of direction, zero-width characters, tags, selectors of variants, blanks of no ink,
 * and what has no meaning (Unicode Cc, Cf, Co, Cn, Cs, Default_Ignorable_Code_Point).
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** Make an element: its tag, its attributes, and its children, elements or texts. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) {
      made.setAttribute(name, "");
    } else if (value !== false) {
      made.setAttribute(name, String(value));
    }
  }
  made.append(...children);
  return made;
}

/** How a character that cannot be seen is written: `⟦U+202E⟧`. */
export function writtenOut(character) {
  return `⟦U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟧`;
}

/** The text cut into what can be shown (`odd` false) and single characters that cannot. */
export function visibleParts(text) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(UNSEEN)) {
    if (found.index > end) {
      parts.push({ odd: false, text: text.slice(end, found.index) });
    }
    parts.push({ odd: true, text: writtenOut(found[0]) });
    end = found.index + found[0].length;
  }
  if (end < text.length) {
    parts.push({ odd: false, text: text.slice(end) });
  }
  return parts;
}

/** An element for a text that a file holds: isolated from what stands around it. */
export function foreign(text, className = "value") {
  const made = element("bdi", { class: className });
  for (const part of visibleParts(String(text))) {
    made.append(part.odd ? element("span", { class: "odd" }, part.text) : part.text);
  }
  return made;
}

/** A SHA-256 in hex as two lines of eight groups of four, to be compared by eye. */
export function hashLines(digest) {
  const groups = digest.match(/.{4}/g) ?? [];
  return [groups.slice(0, 8), groups.slice(8)].map((line) =>
    element("code", { class: "hash" }, line.join(" ")));
}

/** A list of names and values; each value is an element or a text. */
export function definitions(pairs) {
  const list = element("dl");
  for (const [name, value] of pairs) {
    list.append(element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  }
  return list;
}
