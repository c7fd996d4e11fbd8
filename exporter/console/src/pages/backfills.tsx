// The backfills of a destination, the newest first, and the button that starts one.

import { useState } from "preact/hooks";

import { type Schemas, send } from "../api/client";
import { range } from "../format";
import { hourKey, plusHours } from "../hours";
import { Bar, isOver, Numbers, typesOf } from "../parts/backfill-line";
import { Jobs } from "../parts/jobs";
import { StartBackfill } from "../parts/start-backfill";
import { Status } from "../parts/status";
import { Ago } from "../parts/time";
import { href } from "../router";
import type { TabProps } from "../tabs";

type Backfill = Schemas["BackfillView"];

export function BackfillsTab({ destination }: TabProps) {
  const [starting, setStarting] = useState(false);
  const types = (["events", "merged_ids"] as const).filter((each) => destination[each] !== null);
  const last = destination.last_exported_hour[types[0] ?? "events"] ?? hourKey(Date.now() - 2 * 3_600_000);
  return (
    <section aria-labelledby="backfills">
      <div class="section-head">
        <h2 id="backfills">Backfills</h2>
        {destination.status !== "deleted" && (
          <button type="button" class="primary" onClick={() => setStarting(true)}>
            Start a backfill…
          </button>
        )}
      </div>
      <Jobs
        name={`backfills ${destination.id}`}
        load={(query, signal) => send("get", "/destinations/{id}/backfills", { path: { id: destination.id }, query, signal })}
        jobsOf={({ backfills }) => backfills}
        isOver={isOver}
        none={{
          title: "There is no backfill yet",
          text: "A backfill exports past hours again: after a repair of the rows that land, or for a container that was lost.",
        }}
      >
        {(each) => <Line id={destination.id} of={each} />}
      </Jobs>
      {starting && (
        <StartBackfill
          destination={destination}
          range={{ first: plusHours(last, -23), last }}
          types={types}
          onClose={() => setStarting(false)}
        />
      )}
    </section>
  );
}

function Line({ id, of: backfill }: { id: string; of: Backfill }) {
  return (
    <li class="job">
      <div class="row">
        <Status of={backfill.status} />
        <a href={href(`/destinations/${id}/backfills/${backfill.id}`)}>{range(backfill.start, backfill.end)}</a>
        <span class="quiet">
          {typesOf(backfill)} · asked for <Ago at={backfill.created_at} />
        </span>
      </div>
      <Bar of={backfill} />
      <p class="quiet">
        <Numbers of={backfill} />
      </p>
    </li>
  );
}
