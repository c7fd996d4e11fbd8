// What an hour of a source is on the page: its letter, and what is said about it.

import type { Schemas } from "./api/client";
import { count, plural } from "./format";
import { plusHours } from "./hours";
import type { State } from "./parts/heatmap";
import type { Figures } from "./parts/month";

type PulledHour = Schemas["PulledHourView"];
type Source = Schemas["SourceView"];

/** The states of an hour of a source, in the order of the legend. */
export const STATES: State[] = [
  { letter: "E", word: "pulled", style: "exported heat-4", glyph: "" },
  { letter: ".", word: "empty", style: "empty", glyph: "·" },
  { letter: "O", word: "owed", style: "owed", glyph: "" },
  { letter: "W", word: "waiting", style: "waiting", glyph: "…" },
  { letter: "R", word: "pulling", style: "running", glyph: "›" },
  { letter: "F", word: "failed", style: "failed", glyph: "×" },
];

/** What a cell shows of an hour; one that is not due and was never pulled has no record. */
export function figuresOf(hour: PulledHour | undefined): Figures {
  if (hour === undefined) return { letter: "-", rows: 0, late: false, words: "not due" };
  const { status, rows } = hour;
  // Of an hour that failed before, all rows come by a later pull.
  const late = hour.pulls > 1 && hour.new_rows > 0 && hour.new_rows < rows;
  const said: string[] = [status];
  if (rows > 0) said.push(plural(rows, "row"));
  if (late) said.push(`${count(hour.new_rows)} of them by a later pull`);
  return { letter: STATES.find(({ word }) => word === status)?.letter ?? "-", rows, late, words: said.join(", ") };
}

/** The hour that a reader looks for first: the first one that is open, else the last one that is closed. */
export function interesting({ start, pulled_until: until, owed_hours: owed }: Source): string {
  return owed > 0 || until <= start ? until : plusHours(until, -1);
}
