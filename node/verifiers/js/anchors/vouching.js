/**
 * What a receipt of an outside chain or a time-stamp authority shows, as its verifier says it.
 * Mirrors node/core/anchors/vouching.py.
 */

/**
 * A receipt that holds: `by` vouches that the point existed no later than `time`.
 *
 * `by` is named from the trust file or from a certificate that leads to it, never from the receipt
 * alone; `time` is in ms since the Unix epoch. `how` and `howZh` are half a sentence that says what
 * was checked and what was not, `details` and `detailsZh` lines of their own, the first of them the
 * place on the outside chain.
 */
export class Vouched {
  constructor({ by, time, how, howZh, details, detailsZh }) {
    this.by = by;
    this.time = time;
    this.how = how;
    this.howZh = howZh;
    this.details = details;
    this.detailsZh = detailsZh;
  }
}
