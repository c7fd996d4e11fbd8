import assert from "node:assert/strict";
import test from "node:test";

import { bytes, count, plural, relative, share, short } from "../src/format.ts";
import { commandIn } from "../src/parts/fix.tsx";
import { heat } from "../src/parts/heatmap.tsx";
import { announced } from "../src/parts/progress.tsx";
import { tickState } from "../src/tick.ts";

test("the command of a fix ends with its sentence, and keeps the dots of names", () => {
  assert.equal(
    commandIn("Create it: az storage container create --account-name acme --name raw."),
    "az storage container create --account-name acme --name raw",
  );
  assert.equal(
    commandIn("End it with: az storage blob lease break --blob-name 1_2026-01-02_3#1.json.gz, or wait."),
    "az storage blob lease break --blob-name 1_2026-01-02_3#1.json.gz",
  );
  assert.equal(commandIn("Check it in the portal (storage account > Networking)."), null);
});

test("half of the rows are a shade lighter, and no rows are the lightest", () => {
  assert.deepEqual([800, 400, 200, 100, 50, 1, 0].map((rows) => heat(rows, 800)), [5, 4, 3, 2, 1, 1, 1]);
});

test("numbers are read as they are, and not as fractions of them", () => {
  assert.equal(count(1234567), "1,234,567");
  assert.equal(short(9_999), "9,999");
  assert.equal(short(81_200_000), "81.2M");
  assert.equal(bytes(1023), "1023 bytes");
  assert.equal(bytes(228_414), "223 KiB");
  assert.equal(share(1, 5000), "0.02%");
  assert.equal(share(0, 0), "0%");
  assert.equal(plural(1, "hour"), "1 hour");
  assert.equal(plural(2, "hour"), "2 hours");
});

test("a time is as long ago as it is", () => {
  const now = Date.parse("2026-01-31T12:00:00Z");
  assert.equal(relative("2026-01-31T11:59:50Z", now), "just now");
  assert.equal(relative("2026-01-31T11:58:00Z", now), "2 minutes ago");
  assert.equal(relative("2026-01-31T14:00:00Z", now), "in 2 hours");
  assert.equal(relative("2026-01-28T12:00:00Z", now), "3 days ago");
});

test("the timer is alive if its last tick is a quarter of an hour old at most", () => {
  const tick = { at: "2026-01-31T12:00:00Z", due: 0, queued: 0, behind: 0, failing: 0, failed_parts: 0 };
  const said = (changes) => {
    const { tone, text } = tickState({ at: "2026-01-31T12:15:00Z", storage_reached: true, last_tick: tick, ...changes });
    return `${tone}: ${text}`;
  };
  assert.equal(said({}), "good: ticking");
  assert.equal(said({ at: "2026-01-31T12:15:01Z" }), "warn: silent");
  assert.equal(said({ last_tick: null }), "warn: no tick yet");
  assert.equal(said({ last_tick: { ...tick, failed_parts: 2 } }), "bad: ticked with 2 errors");
  assert.equal(said({ storage_reached: false }), "bad: storage not reached");
});

test("progress is announced at each quarter that is reached, and at nothing else", () => {
  const said = (first) => {
    const texts = [];
    for (let percent = first; percent <= 100; percent += 1) texts.push(announced("Backfill", first, percent));
    return [...new Set(texts)];
  };
  assert.deepEqual(said(0), ["", "Backfill: 25%", "Backfill: 50%", "Backfill: 75%", "Backfill: 100%"]);
  assert.deepEqual(said(60), ["", "Backfill: 75%", "Backfill: 100%"]);
  assert.deepEqual(said(100), [""]);
});
