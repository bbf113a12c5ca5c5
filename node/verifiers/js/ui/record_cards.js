/** The records of an accepted file as the page shows them, each with its four times. */

import { rfc3339 } from "../times.js";
import { definitions, element, foreign } from "./elements.js";
import { eventTitle } from "./event_titles.js";
import { shownValue } from "./records.js";
import { sentence } from "./texts.js";

const MOST_RECORDS = 200;

/** A card for each record, up to a bound, and a line that counts the rest. */
export function recordCards(records, language) {
  const cards = records.slice(0, MOST_RECORDS).map((record) => recordCard(record, language));
  if (records.length > MOST_RECORDS) {
    cards.push(element("p", {}, sentence(language, "moreRecords", records.length - MOST_RECORDS)));
  }
  return cards;
}

function recordCard(record, language) {
  const title = language === "zh" ? `${eventTitle(record.type)} ${record.type}` : record.type;
  const card = element("article", { class: "record", "data-code": record.code },
    element("h3", {}, foreign(record.code), " ", foreign(title)),
    definitions([[sentence(language, "member"), memberOf(record)], ...timesOf(record, language)]));
  const groups = [["data", record.data], ["disclosed", record.disclosed], ["seal", record.facts]];
  for (const [name, fields] of groups) {
    if (fields.length > 0) {
      card.append(element("h4", {}, sentence(language, name)),
        definitions(fields.map(([field, value]) => [foreign(field), foreign(shownValue(value))])));
    }
  }
  if (record.hidden > 0) {
    card.append(element("p", { class: "soft" }, sentence(language, "hidden", record.hidden)));
  }
  return card;
}

function memberOf(record) {
  return record.memberName === ""
    ? foreign(record.member)
    : element("span", {}, foreign(record.memberName), " (", foreign(record.member), ")");
}

/** Happened, collected, submitted, in the log: each with who says so. */
function timesOf(record, language) {
  const times = [[sentence(language, "occurred"), rfc3339(record.occurredAt)]];
  if (record.collectedAt !== null) {
    times.push([sentence(language, "collected"), rfc3339(record.collectedAt)]);
  }
  times.push(
    [sentence(language, "submitted"), rfc3339(record.submittedAt, { wholeSeconds: true })],
    [sentence(language, "chain"),
      sentence(language, "until", rfc3339(record.time), rfc3339(record.provenTime))]);
  return times;
}
