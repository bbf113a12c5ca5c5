/** Times as they are printed and read: RFC 3339. Mirrors node/core/encoding.py's part about it. */

const DAY = 86_400_000;

/** Year, month and day of the proleptic Gregorian calendar, `days` after 1970-01-01. */
function civilFromDays(days) {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524)
      - Math.floor(dayOfEra / 146_096)) / 365);
  const dayOfYear = dayOfEra
    - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * month + 2) / 5) + 1;
  const year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0);
  return [year, month < 10 ? month + 3 : month - 9, day];
}

function digits(number, count) {
  const sign = number < 0 ? "-" : "";
  return sign + String(Math.abs(number)).padStart(count - sign.length, "0");
}

/**
 * Write a Unix time in milliseconds as RFC 3339, in China's time unless told otherwise.
 *
 * With `wholeSeconds` no fraction is shown: for times that are only known to the second.
 */
export function rfc3339(milliseconds, { offsetHours = 8, wholeSeconds = false } = {}) {
  const local = milliseconds + offsetHours * 3_600_000;
  const days = Math.floor(local / DAY);
  const rest = local - days * DAY;
  const [year, month, day] = civilFromDays(days);
  const clock = [rest / 3_600_000, (rest / 60_000) % 60, (rest / 1000) % 60];
  const time = clock.map((part) => digits(Math.floor(part), 2)).join(":");
  const fraction = wholeSeconds ? "" : `.${digits(rest % 1000, 3)}`;
  const zone = offsetHours === 0
    ? "Z"
    : `${offsetHours < 0 ? "-" : "+"}${digits(Math.abs(offsetHours), 2)}:00`;
  return `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}T${time}${fraction}${zone}`;
}
