// A backfill in words: its range, its numbers, its speed.

import type { Schemas } from "../api/client";
import { bytes, count, NAMES, plural, range } from "../format";
import { Progress } from "./progress";
import { Ago, At } from "./time";

type Backfill = Schemas["BackfillView"];

export function isOver({ status }: Backfill): boolean {
  return status !== "queued" && status !== "running";
}

export function Bar({ of: backfill }: { of: Backfill }) {
  const { done, empty, failed, total } = backfill.hours;
  return <Progress label={`Backfill of ${range(backfill.start, backfill.end)}`} done={done + empty} failed={failed} total={total} />;
}

/** 461 of 744 hours · 2 failed · 96 hours a minute */
export function Numbers({ of: backfill }: { of: Backfill }) {
  const { hours, hours_per_minute: pace, estimated_finish_at: finish, rows_exported: rows, bytes_exported: size } = backfill;
  const said = [`${count(hours.done + hours.empty)} of ${plural(hours.total, "hour")}`];
  if (hours.failed > 0) said.push(`${count(hours.failed)} failed`);
  if (rows > 0) said.push(`${plural(rows, "row")}, ${bytes(size)}`);
  if (pace !== null && !isOver(backfill)) said.push(`${count(Math.round(pace))} hours a minute`);
  return (
    <>
      {said.join(" · ")}
      {finish !== null && !isOver(backfill) && (
        <>
          {" · done "}
          <Ago at={finish} />
        </>
      )}
      {backfill.finished_at !== null && (
        <>
          {" · ended "}
          <At at={backfill.finished_at} />
        </>
      )}
    </>
  );
}

export function typesOf({ data_types: types }: Backfill): string {
  return types.map((each) => NAMES[each]).join(" and ");
}
