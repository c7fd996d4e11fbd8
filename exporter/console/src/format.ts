// Numbers and times as people read them. Times are UTC, and say so.

const WHOLE = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const PERCENT = new Intl.NumberFormat("en", { style: "percent", maximumSignificantDigits: 2 });
const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MONTH_NAMES = new Intl.DateTimeFormat("en", { month: "long", timeZone: "UTC" });
const WEEKDAYS = new Intl.DateTimeFormat("en", { weekday: "short", timeZone: "UTC" });
const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export const NAMES = { events: "Events", merged_ids: "Merged ids" } as const;

export function count(number: number): string {
  return WHOLE.format(number);
}

/** 81.2M: for tiles and columns; the exact number is in the title beside it. */
export function short(number: number): string {
  return number < 10_000 ? WHOLE.format(number) : SHORT.format(number);
}

export function share(part: number, whole: number): string {
  return whole === 0 ? "0%" : PERCENT.format(part / whole);
}

export function bytes(number: number): string {
  let value = number;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${UNITS[unit]}`;
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** 2 Jan 2026 */
export function day(key: string): string {
  const [year, month, number] = key.slice(0, 10).split("-").map(Number);
  return `${number} ${MONTHS[(month ?? 1) - 1]} ${year}`;
}

/** Fri 02: a row of a month. */
export function dayOfMonth(key: string): { weekday: string; number: string } {
  return { weekday: WEEKDAYS.format(new Date(`${key}T00:00:00Z`)), number: key.slice(8, 10) };
}

/** January 2026 */
export function month(key: string): string {
  return `${MONTH_NAMES.format(new Date(`${key}-01T00:00:00Z`))} ${key.slice(0, 4)}`;
}

export function monthShort(key: string): string {
  return MONTHS[Number(key.slice(5, 7)) - 1] ?? key;
}

/** 2 Jan 2026, 03:00 to 04:00 UTC */
export function hourSpan(key: string): string {
  const hour = Number(key.slice(11, 13));
  return `${day(key)}, ${two(hour)}:00 to ${two((hour + 1) % 24)}:00 UTC`;
}

/** 2 Jan, 03:00: where the year is clear. */
export function hourShort(key: string): string {
  const [, monthNumber, number] = key.slice(0, 10).split("-").map(Number);
  return `${number} ${MONTHS[(monthNumber ?? 1) - 1]}, ${key.slice(11, 13)}:00`;
}

/** 2 Jan 2026 to 5 Jan 2026; of hours, 2 Jan 2026, 03:00 to 05:00 UTC. Both ends are included. */
export function range(first: string, last: string): string {
  if (first.length === 10 && last.length === 10) return first === last ? day(first) : `${day(first)} to ${day(last)}`;
  const [from, to] = [first.length === 10 ? `${first}T00` : first, last.length === 10 ? `${last}T23` : last];
  const end = `${two(Number(to.slice(11, 13)) + 1)}:00 UTC`;
  const start = `${day(from)}, ${from.slice(11, 13)}:00`;
  return from.slice(0, 10) === to.slice(0, 10) ? `${start} to ${end}` : `${start} to ${day(to)}, ${end}`;
}

/** 2 Jan 2026, 03:04:05 UTC */
export function moment(text: string): string {
  return `${day(text)}, ${text.slice(11, 19)} UTC`;
}

export function localTime(text: string): string {
  return `${LOCAL.format(new Date(text))} on this computer`;
}

/** 2 minutes ago, in 3 hours */
export function relative(text: string, now: number): string {
  const passed = (Date.parse(text) - now) / 1000;
  const size = Math.abs(passed);
  if (size < 45) return passed <= 0 ? "just now" : "in a moment";
  if (size < 3_000) return RELATIVE.format(Math.round(passed / 60), "minute");
  if (size < 80_000) return RELATIVE.format(Math.round(passed / 3600), "hour");
  return RELATIVE.format(Math.round(passed / 86_400), "day");
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
