// The backfills of a destination, the newest first, and the button that starts one.

import { useState } from "preact/hooks";

import { type Schemas, send } from "../api/client";
import { useResource } from "../api/resource";
import { range } from "../format";
import { hourKey, plusHours } from "../hours";
import { Bar, isOver, Numbers, typesOf } from "../parts/backfill-line";
import { StartBackfill } from "../parts/start-backfill";
import { Status } from "../parts/status";
import { Ago } from "../parts/time";
import { Nothing, Skeleton, Trouble } from "../parts/trouble";
import { href } from "../router";
import type { TabProps } from "../tabs";

type Backfill = Schemas["BackfillView"];

const EVERY_RUNNING = 2_000;
const EVERY = 15_000;

export function BackfillsTab({ destination }: TabProps) {
  const [starting, setStarting] = useState(false);
  const [pages, setPages] = useState<string[]>([""]);
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
      <ul class="jobs">
        {pages.map((after, index) => (
          <Page
            key={after}
            id={destination.id}
            after={after}
            more={index === pages.length - 1 ? (next) => setPages([...pages, next]) : null}
          />
        ))}
      </ul>
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

function Page({ id, after, more }: { id: string; after: string; more: ((next: string) => void) | null }) {
  const [running, setRunning] = useState(false);
  const page = useResource(
    `backfills ${id} ${after}`,
    async (signal) => {
      const received = await send("get", "/destinations/{id}/backfills", {
        path: { id },
        query: after === "" ? {} : { after },
        signal,
      });
      setRunning(received.body.backfills.some((each) => !isOver(each)));
      return received;
    },
    { every: running ? EVERY_RUNNING : EVERY },
  );
  if (page.data === null) {
    return (
      <li>
        {page.problem === null ? <Skeleton lines={4} /> : <Trouble problem={page.problem} retry={page.reload} />}
      </li>
    );
  }
  const { backfills, next } = page.data;
  return (
    <>
      {after === "" && backfills.length === 0 && (
        <li>
          <Nothing title="There is no backfill yet">
            <p>A backfill exports past hours again: after a repair of the rows that land, or for a container that was lost.</p>
          </Nothing>
        </li>
      )}
      {backfills.map((each) => (
        <Line key={each.id} id={id} of={each} />
      ))}
      {next !== null && more !== null && (
        <li>
          <button type="button" onClick={() => more(next)}>
            Show more
          </button>
        </li>
      )}
    </>
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
