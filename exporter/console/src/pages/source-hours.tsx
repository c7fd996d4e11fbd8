// The hours of a source, a month by hour, and one hour beside it.

import { useEffect, useState } from "preact/hooks";

import { type Schemas, send } from "../api/client";
import { useResource } from "../api/resource";
import { bytes, count, month, plural } from "../format";
import { daysOf, hoursBetween, isMonth, plusMonths } from "../hours";
import { FailedHours } from "../parts/failed-hours";
import { FaultNote } from "../parts/fix";
import { Heatmap, Legend, type Range } from "../parts/heatmap";
import { HOURS, monthRows, Pager } from "../parts/month";
import { Panel } from "../parts/panel";
import { StartPull } from "../parts/start-pull";
import { Status } from "../parts/status";
import { At } from "../parts/time";
import { Loaded, Nothing, Skeleton, Trouble } from "../parts/trouble";
import { figuresOf, interesting, STATES } from "../pulls";
import { go, href } from "../router";
import type { SourceTabProps } from "./source";

type PulledHour = Schemas["PulledHourView"];

const EVERY = 15_000;

export function SourceHours({ source, parameters, query }: SourceTabProps) {
  const { id } = source;
  const open = parameters["hour"] ?? null;
  const gone = source.status === "deleted";
  const first = interesting(source);
  const asked = query.get("show");
  const shown = isMonth(asked) ? asked : (open ?? first).slice(0, 7);
  const [range, setRange] = useState<Range | null>(null);
  const [again, setAgain] = useState<Range | null>(null);
  const days = daysOf(shown);
  const whole = { from: `${days[0]}T00`, to: `${days.at(-1)}T23` };
  const found = useResource(
    `hours of source ${id} ${shown}`,
    (signal) => send("get", "/sources/{id}/hours", { path: { id }, query: whole, signal }),
    { every: EVERY },
  );
  // The source has moved on: so has the grid.
  useEffect(found.reload, [source.pulled_until, source.owed_hours, source.failed_hours.length]);
  const here = (hour: string | null, show = shown): string =>
    href(`/sources/${id}${hour === null ? "" : `/hours/${hour}`}`, {
      show: show === (hour ?? first).slice(0, 7) ? null : show,
    });
  const page = (pages: -1 | 1): void => {
    setRange(null);
    go(here(open, plusMonths(shown, pages)), true);
  };
  const failed = source.failed_hours;
  const ends = [failed[0]?.hour, failed.at(-1)?.hour];
  return (
    <div class={open === null ? "" : "with-panel"}>
      <div>
        <section aria-label="Hours">
          <div class="section-head grid-head">
            <Pager text={month(shown)} onPage={page} />
            {!gone && (
              <button type="button" onClick={() => setAgain({ first: open ?? first, last: open ?? first })}>
                Pull hours again…
              </button>
            )}
          </div>
          {found.data === null ? (
            found.problem === null ? (
              <Skeleton lines={12} />
            ) : (
              <Trouble problem={found.problem} retry={found.reload} />
            )
          ) : (
            <div class={`by-hour ${found.problem === null ? "" : "stale"}`}>
              <Heatmap
                key={shown}
                states={STATES}
                label={`Pulled hours, ${month(shown)} by hour, UTC`}
                columns={HOURS}
                rows={rowsOf(shown, found.data.hours)}
                current={open}
                start={first}
                range={range}
                onRange={setRange}
                onOpen={(key) => go(here(key))}
                onPage={page}
              />
            </div>
          )}
          <Legend states={STATES} late="rows added by a later pull" />
          {range !== null && !gone && (
            <div class="selected" role="status">
              <span>{plural(hoursBetween(range.first, range.last), "hour")} selected</span>
              <button type="button" class="small primary" onClick={() => setAgain(range)}>
                Pull {range.first === range.last ? "this hour" : `these ${count(hoursBetween(range.first, range.last))} hours`} again…
              </button>
            </div>
          )}
        </section>
        <FailedHours hours={failed.map((each) => ({ ...each, href: here(each.hour, each.hour.slice(0, 7)) }))}>
          {!gone && (
            <button type="button" onClick={() => setAgain({ first: ends[0] ?? first, last: ends[1] ?? first })}>
              Pull them again…
            </button>
          )}
        </FailedHours>
      </div>
      {open !== null && (
        <HourPanel
          id={id}
          hour={open}
          onClose={() => go(here(null))}
          onAgain={gone ? null : () => setAgain({ first: open, last: open })}
        />
      )}
      {again !== null && <StartPull id={id} range={again} onClose={() => setAgain(null)} />}
    </div>
  );
}

function rowsOf(shown: string, hours: PulledHour[]) {
  const found = new Map(hours.map((each) => [each.hour, each]));
  return monthRows(shown, (hour) => figuresOf(found.get(hour)));
}

interface HourPanelProps {
  id: string;
  hour: string;
  onClose: () => void;
  /** Null if the source is deleted: nothing more is pulled. */
  onAgain: (() => void) | null;
}

function HourPanel({ id, hour, onClose, onAgain }: HourPanelProps) {
  const found = useResource(
    `hour of source ${id} ${hour}`,
    (signal) => send("get", "/sources/{id}/hours", { path: { id }, query: { from: hour, to: hour }, signal }),
    { every: EVERY },
  );
  return (
    <Panel hour={hour} onClose={onClose}>
      <Loaded of={found}>
        {({ hours: [record] }) =>
          record === undefined ? (
            <Nothing title="This hour is not due">
              <p>It has not ended long enough ago, or it is before the start of the source.</p>
            </Nothing>
          ) : (
            <Content of={record} onAgain={onAgain} />
          )
        }
      </Loaded>
    </Panel>
  );
}

function Content({ of: hour, onAgain }: { of: PulledHour; onAgain: HourPanelProps["onAgain"] }) {
  const { status, rows, new_rows: added, blobs, bytes: size, pulls, ignored, next_pull_at: next, error } = hour;
  const said = [
    ["rows in landing", count(rows)],
    ["by the last pull", count(added)],
    ["blobs", count(blobs)],
    ["size", bytes(size)],
  ];
  return (
    <div class="panel-body">
      <div class="row">
        <Status of={status} />
      </div>
      {error && <FaultNote fault={error} />}
      {pulls > 0 && (
        <dl class="sum" aria-label="What has landed">
          {said.map(([word, number]) => (
            <div key={word}>
              <dt>{word}</dt>
              <dd>{number}</dd>
            </div>
          ))}
        </dl>
      )}
      <p class="quiet">
        {status === "waiting"
          ? "The API has no rows of this hour yet, or none at all"
          : pulls === 0
            ? "Not answered yet"
            : `Answered ${plural(pulls, "time")}`}
        {ignored > 0 && `, ${plural(ignored, "file")} without events left out`}
        {next !== null && (
          <>
            {status === "pulling" ? "; goes on by itself after " : `; asked for${pulls > 0 ? " again" : ""} after `}
            <At at={next} />
          </>
        )}
        .
      </p>
      {onAgain !== null && (
        <div class="row">
          <button type="button" onClick={onAgain}>
            Pull it again…
          </button>
        </div>
      )}
    </div>
  );
}
