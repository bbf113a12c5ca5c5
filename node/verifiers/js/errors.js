/** Every error that a verifier raises on purpose. Mirrors node/core/errors.py. */

/**
 * Something that came in breaks a rule of its format, or a proof or signature does not hold.
 *
 * `place` names where (`payload.iat`, `bundle.entries[3].path`), `rule` what is asked there, and
 * `ruleZh` the same in Chinese, a half sentence to stand behind the place; "" where there is none.
 */
export class InvalidInput extends Error {
  constructor(place, rule, ruleZh = "") {
    super(`${place}: ${rule}`);
    this.name = "InvalidInput";
    this.place = place;
    this.rule = rule;
    this.ruleZh = ruleZh;
  }

  /** The same error, its place prefixed with the `place` it was found in. */
  under(place) {
    return new InvalidInput(`${place}.${this.place}`, this.rule, this.ruleZh);
  }
}

/** The bundle or the trust file holds nothing that this step could check. */
export class NotChecked extends Error {
  constructor(text, textZh, details = [], detailsZh = details) {
    super(text);
    this.name = "NotChecked";
    this.text = text;
    this.textZh = textZh;
    this.details = details;
    this.detailsZh = detailsZh;
  }
}
