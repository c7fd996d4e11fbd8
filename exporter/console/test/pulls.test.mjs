import assert from "node:assert/strict";
import test from "node:test";

import { monthRows } from "../src/parts/month.tsx";
import { figuresOf, interesting } from "../src/pulls.ts";
import { emptySource, formOf, modelOf } from "../src/source-model.ts";

const HOUR = {
  hour: "2026-01-31T05",
  status: "pulled",
  rows: 1200,
  new_rows: 1200,
  blobs: 2,
  bytes: 9000,
  pulls: 1,
  ignored: 0,
  next_pull_at: null,
  error: null,
};
const SOURCE = {
  id: "acme",
  type: "amplitude_export",
  project_id: 187520,
  region: "eu",
  base_url: null,
  api_key: "the-key",
  start: "2026-01-01T00",
  lag_minutes: 90,
  repull_hours: [24, 72],
  status: "active",
  created_at: "2026-01-01T00:00:00Z",
  pulled_until: "2026-01-31T05",
  owed_hours: 2,
  failed_hours: [],
  last_error: null,
};

test("a cell says the state of the hour, its rows, and what a later pull has added", () => {
  assert.deepEqual(figuresOf(HOUR), { letter: "E", rows: 1200, late: false, words: "pulled, 1,200 rows" });
  assert.deepEqual(figuresOf({ ...HOUR, pulls: 2, rows: 1203, new_rows: 3 }), {
    letter: "E",
    rows: 1203,
    late: true,
    words: "pulled, 1,203 rows, 3 of them by a later pull",
  });
  assert.equal(figuresOf({ ...HOUR, pulls: 2 }).late, false, "it had failed before");
  assert.deepEqual(figuresOf(undefined), { letter: "-", rows: 0, late: false, words: "not due" });
  const letters = ["pulled", "empty", "owed", "waiting", "pulling", "failed"].map(
    (status) => figuresOf({ ...HOUR, status, rows: 0 }).letter,
  );
  assert.equal(letters.join(""), "E.OWRF");
});

test("a month has a row for each day, and the sum of the day where something is owed or done", () => {
  const rows = monthRows("2026-01", (hour) => figuresOf(hour.startsWith("2026-01-31") ? HOUR : undefined));
  assert.equal(rows.length, 31);
  assert.deepEqual([rows[0].total, rows[30].total], ["", "28.8K"]);
  assert.equal(rows[30].cells[5].key, "2026-01-31T05");
  assert.equal(rows[30].cells[5].text, "31 Jan 2026, 05:00 to 06:00 UTC: pulled, 1,200 rows");
});

test("a reader sees the first open hour, or the last one that is pulled", () => {
  assert.equal(interesting(SOURCE), "2026-01-31T05");
  assert.equal(interesting({ ...SOURCE, owed_hours: 0 }), "2026-01-31T04");
  assert.equal(interesting({ ...SOURCE, owed_hours: 0, pulled_until: SOURCE.start }), SOURCE.start);
});

test("a form that nobody has changed saves what is stored, and no secret key", () => {
  const { id, status, created_at, pulled_until, owed_hours, failed_hours, last_error, ...model } = SOURCE;
  assert.deepEqual(modelOf(formOf(SOURCE)), model);
});

test("a form is sent without the blanks around what was typed; what is no number is for the API to refuse", () => {
  const typed = { ...emptySource(), project_id: " 7 ", api_key: " k ", secret_key: " s ", lag_minutes: "soon", repull_hours: "24,,x" };
  assert.deepEqual(modelOf(typed), {
    type: "amplitude_export",
    project_id: 7,
    region: "us",
    base_url: null,
    api_key: "k",
    secret_key: "s",
    lag_minutes: "soon",
    repull_hours: [24, "x"],
  });
});
