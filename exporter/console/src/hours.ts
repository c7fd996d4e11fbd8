// UTC hours and days as the API writes them: 2026-01-31T17 and 2026-01-31. No time zone but UTC.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Milliseconds of the beginning of an hour or a day; NaN if the text is neither. */
export function instant(key: string): number {
  const found = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d))?$/.exec(key);
  return found === null ? NaN : Date.parse(`${key.slice(0, 10)}T${found[4] ?? "00"}:00:00Z`);
}

export function hourKey(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 13);
}

export function dayKey(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 10);
}

export function plusHours(key: string, hours: number): string {
  return hourKey(instant(key) + hours * HOUR);
}

export function plusDays(key: string, days: number): string {
  return dayKey(instant(key) + days * DAY);
}

/** The number of hours from the first to the last, both included. */
export function hoursBetween(first: string, last: string): number {
  return Math.round((instant(last) - instant(first)) / HOUR) + 1;
}

/** A month, 2026-01, that many months later. */
export function plusMonths(month: string, months: number): string {
  const [year = NaN, number = NaN] = month.split("-").map(Number);
  return new Date(Date.UTC(year, number - 1 + months, 1)).toISOString().slice(0, 7);
}

export function isMonth(text: string | null): text is string {
  return text !== null && /^\d{4}-(0[1-9]|1[0-2])$/.test(text);
}

export function isYear(text: string | null): text is string {
  return text !== null && /^\d{4}$/.test(text) && text >= "2000";
}

/** The days of a month, or of a year, oldest first. */
export function daysOf(monthOrYear: string): string[] {
  const first = instant(monthOrYear.length === 4 ? `${monthOrYear}-01-01` : `${monthOrYear}-01`);
  const days: string[] = [];
  for (let at = first; dayKey(at).startsWith(monthOrYear); at += DAY) days.push(dayKey(at));
  return days;
}
