// The hours of a destination: a month by hour or a year by day, and one hour beside it.

import { useState } from "preact/hooks";

import { type DataType, type Schemas, send } from "../api/client";
import { type Resource, useResource } from "../api/resource";
import { count, day as dayText, month, monthShort, NAMES, plural } from "../format";
import { daysOf, hoursBetween, isMonth, isYear, plusMonths } from "../hours";
import { type GridRow, Heatmap, Legend, type Range, STATES } from "../parts/heatmap";
import { type Figures, HOURS, monthRows, Pager, total } from "../parts/month";
import { StartBackfill } from "../parts/start-backfill";
import { Skeleton, Trouble } from "../parts/trouble";
import { go, href } from "../router";
import type { TabProps } from "../tabs";
import { HourPanel } from "./hour";

type Summary = Schemas["HoursSummaryView"];
type Answered = Resource<Summary>;

const EVERY = 15_000;
const DAYS = Array.from({ length: 31 }, (_, day) => String(day + 1));

export function HoursTab({ destination, parameters, query }: TabProps) {
  const { id } = destination;
  const types = (["events", "merged_ids"] as const).filter((each) => destination[each] !== null);
  const open = parameters["hour"] ?? null;
  const type = types.find((each) => each === query.get("data_type")) ?? types[0] ?? "events";
  const last = destination.last_exported_hour[type] ?? destination.behind_since[type] ?? new Date().toISOString().slice(0, 13);
  const asked = query.get("show");
  const shown = isMonth(asked) || isYear(asked) ? asked : (open ?? last).slice(0, 7);
  const [range, setRange] = useState<Range | null>(null);
  const [again, setAgain] = useState<Range | null>(null);

  const byDay = shown.length === 4;
  const days = daysOf(shown);
  const [from, to] = [`${days[0]}T00`, `${days.at(-1)}T23`];
  const summary = useResource(
    `${id} ${type} ${shown}`,
    (signal) =>
      send("get", "/destinations/{id}/hours/summary", {
        path: { id },
        query: { data_type: type, from, to, by: byDay ? "day" : "hour" },
        signal,
      }),
    { every: EVERY },
  );

  const here = (hour: string | null, changed: Record<string, string | null> = {}): string =>
    href(`/destinations/${id}${hour === null ? "" : `/hours/${hour}`}`, {
      data_type: type === types[0] ? null : type,
      show: shown === (hour ?? last).slice(0, 7) ? null : shown,
      ...changed,
    });
  const turn = (to: string): void => {
    setRange(null);
    go(here(open, { show: to }), true);
  };
  const page = (pages: -1 | 1): void => turn(byDay ? String(Number(shown) + pages) : plusMonths(shown, pages));

  return (
    <div class={open === null ? "" : "with-panel"}>
      <section aria-label="Hours">
        <div class="section-head grid-head">
          {types.length > 1 && (
            <div class="switch" role="group" aria-label="Data type">
              {types.map((each) => (
                <button key={each} type="button" aria-pressed={each === type} onClick={() => go(here(null, { data_type: each }), true)}>
                  {NAMES[each]}
                </button>
              ))}
            </div>
          )}
          <Pager text={byDay ? shown : month(shown)} onPage={page} />
          <div class="switch" role="group" aria-label="Period">
            <button type="button" aria-pressed={!byDay} onClick={() => turn(byDay ? monthIn(shown, last) : shown)}>
              Month
            </button>
            <button type="button" aria-pressed={byDay} onClick={() => turn(shown.slice(0, 4))}>
              Year
            </button>
          </div>
        </div>
        <Grid
          of={summary}
          type={type}
          shown={shown}
          current={open}
          start={last.slice(0, byDay ? 10 : 13)}
          range={range}
          onRange={setRange}
          onOpen={(key) => (byDay ? turn(key.slice(0, 7)) : go(here(key)))}
          onPage={page}
        />
        <Legend />
        {range !== null && destination.status !== "deleted" && <Selected range={range} byDay={byDay} onAgain={() => setAgain(hoursOf(range))} />}
      </section>
      {open !== null && (
        <HourPanel
          key={type}
          destination={destination}
          type={type}
          hour={open}
          linkTo={(hour) => here(hour, { show: null })}
          onClose={() => go(here(null))}
          onAgain={() => setAgain({ first: open, last: open })}
          onChanged={summary.reload}
        />
      )}
      {again !== null && (
        <StartBackfill
          destination={destination}
          range={again}
          types={[type]}
          onClose={() => setAgain(null)}
        />
      )}
    </div>
  );
}

interface GridProps {
  of: Answered;
  type: DataType;
  shown: string;
  current: string | null;
  start: string;
  range: Range | null;
  onRange: (range: Range | null) => void;
  onOpen: (key: string) => void;
  onPage: (pages: -1 | 1) => void;
}

function Grid({ of: summary, type, shown, ...rest }: GridProps) {
  if (summary.data === null) {
    return summary.problem === null ? (
      <Skeleton lines={12} />
    ) : (
      <Trouble problem={summary.problem} retry={summary.reload} />
    );
  }
  const byDay = summary.data.by === "day";
  const label = `${NAMES[type]}, ${byDay ? `${shown} by day` : `${month(shown)} by hour`}, UTC`;
  const { data } = summary;
  const rows = byDay
    ? yearRows(shown, data)
    : monthRows(shown, (hour) => at(data, hoursBetween(data.first, hour) - 1));
  return (
    <div class={`${summary.problem === null ? "" : "stale"} ${byDay ? "by-day" : "by-hour"}`}>
      <Heatmap key={`${type} ${shown}`} label={label} columns={byDay ? DAYS : HOURS} rows={rows} {...rest} />
    </div>
  );
}

function Selected({ range, byDay, onAgain }: { range: Range; byDay: boolean; onAgain: () => void }) {
  const { first, last } = hoursOf(range);
  const hours = hoursBetween(first, last);
  return (
    <div class="selected" role="status">
      <span>
        {byDay ? `${dayText(range.first)} to ${dayText(range.last)}` : plural(hours, "hour")} selected
      </span>
      <button type="button" class="small primary" onClick={onAgain}>
        Export {hours === 1 ? "this hour" : `these ${count(hours)} hours`} again…
      </button>
    </div>
  );
}

/** The hours of a range of hours or of days. */
function hoursOf({ first, last }: Range): Range {
  return first.length === 10 ? { first: `${first}T00`, last: `${last}T23` } : { first, last };
}

/** The month to show when a year is left: that of the last hour, or the first one. */
function monthIn(year: string, last: string): string {
  return last.startsWith(year) ? last.slice(0, 7) : `${year}-01`;
}

/** A row for each month, a cell for each day. */
export function yearRows(shown: string, summary: Summary): GridRow[] {
  const first = `${summary.first}T00`;
  return Array.from({ length: 12 }, (_, index) => plusMonths(`${shown}-01`, index)).map((key) => {
    const days = daysOf(key);
    const places = days.map((day) => Math.round((hoursBetween(first, `${day}T00`) - 1) / 24));
    const cells = DAYS.map((_, index) => {
      const day = days[index];
      const place = places[index];
      if (day === undefined || place === undefined) return null;
      const { words, ...figures } = at(summary, place);
      return { ...figures, key: day, text: `${dayText(day)}: ${words}${parts(summary, place)}` };
    });
    return { key, head: monthShort(key), cells, total: total(cells.filter((each) => each !== null)) };
  });
}

/** What the summary says about the hour or the day at a place. */
function at(summary: Summary, place: number): Figures {
  const letter = summary.status[place] ?? "-";
  const rows = summary.rows[place] ?? 0;
  const rejected = summary.rejected[place] ?? 0;
  const late = (summary.late[place] ?? 0) > 0;
  const said = [STATES.find((each) => each.letter === letter)?.word ?? "not owed"];
  if (rows > 0) said.push(plural(rows, "row"));
  if (rejected > 0) said.push(`${count(rejected)} rejected`);
  if (late) said.push("late rows added");
  return { letter, rows, late, words: said.join(", ") };
}

/** How many hours of a day are in each state, the worst first. */
function parts({ hours }: Summary, place: number): string {
  if (hours === undefined) return "";
  const found = (["failed", "owed", "running", "exported", "empty"] as const)
    .map((each) => ({ word: each, number: hours[each][place] ?? 0 }))
    .filter(({ number }) => number > 0)
    .map(({ word, number }) => `${number} ${word}`);
  return found.length === 0 ? "" : ` (hours: ${found.join(", ")})`;
}

