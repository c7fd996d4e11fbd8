// Times: what is read, the exact time in UTC and on this computer in the tooltip.

import { signal } from "@preact/signals";

import { hourShort, hourSpan, localTime, moment, relative } from "../format";

const now = signal(Date.now());
setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 15_000);

/** How long ago something was. */
export function Ago({ at }: { at: string }) {
  return (
    <time dateTime={at} title={`${moment(at)}. ${localTime(at)}.`}>
      {relative(at, now.value)}
    </time>
  );
}

/** A time to the second, in UTC. */
export function At({ at }: { at: string }) {
  return (
    <time dateTime={at} title={localTime(at)}>
      {moment(at)}
    </time>
  );
}

/** The beginning of an hour. */
export function HourTime({ hour }: { hour: string }) {
  return (
    <time dateTime={`${hour}:00Z`} title={`${hourSpan(hour)}. Begins ${localTime(`${hour}:00:00Z`)}.`}>
      {hourShort(hour)}
    </time>
  );
}
