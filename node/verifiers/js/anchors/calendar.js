/** Reading times of RFC 3339. Mirrors `parse_rfc3339` of node/core/encoding.py. */

import { InvalidInput } from "../errors.js";

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z$/;
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isLeap(year) {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

/** Days since 1970-01-01 of a date of the proleptic Gregorian calendar, from the year 0 on. */
function daysFromCivil(year, month, day) {
  const before = year - 1;
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400);
  const months = DAYS.slice(0, month - 1).reduce((sum, days) => sum + days, 0);
  const leapDay = month > 2 && isLeap(year) ? 1 : 0;
  return 365 * before + leapDays + months + leapDay + day - 1 - 719_162;
}

/**
 * Read a UTC time of RFC 3339 (`…Z`), with at most nine digits of a fraction.
 *
 * @returns {[number, number]} seconds since the Unix epoch, and nanoseconds.
 * @throws {InvalidInput} not of this form, or no date or time of the calendar.
 */
export function parseRfc3339(text, place) {
  const match = RFC3339.exec(text);
  if (match === null) {
    throw new InvalidInput(place, "must be a UTC time of RFC 3339", "须为 RFC 3339 的 UTC 时间");
  }
  const [year, month, day, hours, minutes, seconds] = match.slice(1, 7).map(Number);
  const isMonth = month >= 1 && month <= 12;
  const most = isMonth ? DAYS[month - 1] + (month === 2 && isLeap(year) ? 1 : 0) : 0;
  if (day < 1 || day > most || hours > 23 || minutes > 59 || seconds > 59) {
    throw new InvalidInput(place, "is no date or time of the calendar", "不是日历中的日期或时刻");
  }
  const whole = daysFromCivil(year, month, day) * 86_400 + hours * 3600 + minutes * 60 + seconds;
  return [whole, Number((match[7] ?? "0").padEnd(9, "0"))];
}
