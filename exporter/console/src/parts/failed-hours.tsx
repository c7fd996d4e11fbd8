// Hours that failed, by their error: a hundred hours often have one cause.

import type { ComponentChildren } from "preact";

import type { Fault } from "../api/client";
import { hourShort, plural } from "../format";
import { FaultNote } from "./fix";

interface FailedHour {
  hour: string;
  error: Fault;
  href: string;
  /** What tells it from others of the same hour. */
  remark?: string;
}

const HOURS_SHOWN_MAX = 24;

export function FailedHours({ hours, children }: { hours: FailedHour[]; children?: ComponentChildren }) {
  if (hours.length === 0) return null;
  const causes = new Map<string, FailedHour[]>();
  for (const each of hours) {
    const cause = `${each.error.code} ${each.error.fix}`;
    causes.set(cause, [...(causes.get(cause) ?? []), each]);
  }
  return (
    <section aria-labelledby="failed">
      <div class="section-head">
        <h2 id="failed">Hours that fail</h2>
        {children}
      </div>
      <div class="causes">
        {[...causes].map(([cause, found]) => (
          <Cause key={cause} hours={found} />
        ))}
      </div>
    </section>
  );
}

function Cause({ hours }: { hours: FailedHour[] }) {
  const [first] = hours;
  if (first === undefined) return null;
  const more = hours.length - HOURS_SHOWN_MAX;
  return (
    <div class="cause">
      <FaultNote fault={first.error} />
      <p class="quiet">{plural(hours.length, "hour")}</p>
      <ul class="row hour-links">
        {hours.slice(0, HOURS_SHOWN_MAX).map(({ hour, href, remark }) => (
          <li key={href}>
            <a href={href}>
              {hourShort(hour)} {remark && <span class="quiet">{remark}</span>}
            </a>
          </li>
        ))}
        {more > 0 && <li class="quiet">and {plural(more, "more hour", "more hours")}</li>}
      </ul>
    </div>
  );
}
