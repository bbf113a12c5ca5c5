/**
 * Whether a whole document is in DER, in the parts too that nobody looks at otherwise (X.690).
 * Mirrors node/core/anchors/der_whole.py.
 */

import { InvalidInput } from "../errors.js";
import {
  BIT_STRING,
  BOOLEAN,
  Contents,
  INTEGER,
  NULL,
  OID,
  SEQUENCE,
  SET,
  bitsOf,
  booleanOf,
  checkSetOrder,
  integerOf,
  oidOf,
} from "./der.js";

const CONSTRUCTED = 0x20;
const TAGGED = 0xc0;
const MOST_LEVELS = 32;

/**
 * Check everything inside: lengths, the order of sets, and the primitive types that have more than
 * one encoding in BER. What octet strings hold is not looked at.
 *
 * @throws {InvalidInput} names the place and the rule.
 */
export function checkWhole(element, levels = MOST_LEVELS) {
  const { tag, place } = element;
  if (!(tag & CONSTRUCTED)) {
    checkPrimitive(element);
    return;
  }
  if (tag !== SEQUENCE && tag !== SET && !(tag & TAGGED)) {
    throw new InvalidInput(place, "must be primitive in DER (X.690 §10.2)", "在 DER 中须为简单类型");
  }
  if (levels === 0) {
    throw new InvalidInput(place, `nested deeper than ${MOST_LEVELS} levels`, `嵌套超过 ${MOST_LEVELS} 层`);
  }
  const inside = new Contents(element).rest();
  if (tag === SET) {
    checkSetOrder(inside, place);
  }
  for (const one of inside) {
    checkWhole(one, levels - 1);
  }
}

function checkPrimitive(element) {
  const { tag, place } = element;
  if (tag === (SEQUENCE & ~CONSTRUCTED) || tag === (SET & ~CONSTRUCTED)) {
    throw new InvalidInput(place, "must be constructed", "须为构造类型");
  }
  if (tag === BOOLEAN) {
    booleanOf(element);
  } else if (tag === INTEGER) {
    integerOf(element);
  } else if (tag === OID) {
    oidOf(element);
  } else if (tag === BIT_STRING) {
    bitsOf(element);
  } else if (tag === NULL && element.content.length > 0) {
    throw new InvalidInput(place, "a NULL has no content", "NULL 不得有内容");
  }
}
