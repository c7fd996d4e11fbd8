import assert from "node:assert/strict";
import test from "node:test";

import { day, hourSpan, range } from "../src/format.ts";
import { dayKey, daysOf, hourKey, hoursBetween, instant, isMonth, isYear, plusDays, plusHours, plusMonths } from "../src/hours.ts";

test("hours and days go over the ends of days, months and years", () => {
  assert.equal(plusHours("2025-12-31T23", 1), "2026-01-01T00");
  assert.equal(plusHours("2024-03-01T00", -1), "2024-02-29T23");
  assert.equal(plusDays("2026-02-28", 1), "2026-03-01");
  assert.equal(plusMonths("2026-01", -1), "2025-12");
  assert.equal(plusMonths("2026-11", 14), "2028-01");
});

test("an hour is one key, whatever the time zone of the computer is", () => {
  for (const zone of ["UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati"]) {
    process.env.TZ = zone;
    for (let hour = 0; hour < 24 * 400; hour += 7) {
      const key = plusHours("2025-12-01T00", hour);
      assert.equal(hourKey(instant(key)), key);
      assert.equal(dayKey(instant(key)), key.slice(0, 10));
      assert.equal(hoursBetween("2025-12-01T00", key), hour + 1);
    }
  }
});

test("a month and a year have all of their days, in order", () => {
  assert.equal(daysOf("2024-02").length, 29);
  assert.equal(daysOf("2026-02").at(-1), "2026-02-28");
  assert.equal(daysOf("2024").length, 366);
  assert.deepEqual(daysOf("2026").slice(30, 33), ["2026-01-31", "2026-02-01", "2026-02-02"]);
});

test("what is no month and no year is refused", () => {
  assert.deepEqual(["2026-01", "2026-13", "2026-1", "2026", "", null].map(isMonth), [true, false, false, false, false, false]);
  assert.deepEqual(["2026", "1999", "26", "2026-01", null].map(isYear), [true, false, false, false, false]);
  assert.ok(Number.isNaN(instant("yesterday")));
});

test("times say where they end, and that they are UTC", () => {
  assert.equal(day("2026-01-02"), "2 Jan 2026");
  assert.equal(hourSpan("2026-01-02T23"), "2 Jan 2026, 23:00 to 00:00 UTC");
  assert.equal(range("2026-01-02", "2026-01-05"), "2 Jan 2026 to 5 Jan 2026");
  assert.equal(range("2026-01-02", "2026-01-02"), "2 Jan 2026");
  assert.equal(range("2026-01-02T03", "2026-01-02T04"), "2 Jan 2026, 03:00 to 05:00 UTC");
  assert.equal(range("2026-01-02", "2026-01-03T23"), "2 Jan 2026, 00:00 to 3 Jan 2026, 24:00 UTC");
});
