// All destinations: what needs someone, and where each one is.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

import { type DataType, type Fault, Problem, type Schemas, send } from "../api/client";
import { useResource } from "../api/resource";
import { bytes, count, NAMES, plural, share, short } from "../format";
import { Copy, commandIn } from "../parts/fix";
import { Icon } from "../parts/icons";
import { Status } from "../parts/status";
import { Strip } from "../parts/strip";
import { HourTime } from "../parts/time";
import { Title } from "../parts/title";
import { Loaded, Nothing, Skeleton, Trouble } from "../parts/trouble";
import { go, href, type RouteProps } from "../router";
import { isRoute } from "../routes";

type Listed = Schemas["ListedDestinationView"];
type StatusName = keyof Schemas["StatusCountsView"];

const EVERY = 15_000;
const STATUSES: StatusName[] = ["failing", "active", "paused", "draft"];
const DATA_TYPES: DataType[] = ["events", "merged_ids"];
const WORDS: Record<StatusName, string> = { failing: "Failing", active: "Active", paused: "Paused", draft: "Draft" };
/** What else the list can show. */
const OTHERS: Record<string, string> = { behind: "Most behind", deleted: "Deleted" };
const NEEDING_MAX = 5;
// Few installations have sources, and those rarely fail.
const EVERY_SOURCES = 60_000;
const TYPING_MILLISECONDS = 250;

export function Overview({ query }: RouteProps) {
  const status = STATUSES.find((each) => each === query.get("status")) ?? null;
  const other = query.get("show") ?? "";
  const type = other === "behind" ? null : (DATA_TYPES.find((each) => each === query.get("data")) ?? null);
  const text = other === "behind" ? "" : (query.get("q") ?? "");
  const summary = useResource("summary", (signal) => send("get", "/summary", { signal }), { every: EVERY });
  const show = (changed: { status?: string | null; data?: string; show?: string; q?: string }): void =>
    go(href("/", { status, data: type, show: other, q: text, ...changed }), true);
  return (
    <>
      <div class="page-head">
        <Title text="Destinations" />
        {isRoute("/new") && (
          <a class="button primary" href="#/new">
            <Icon name="plus" /> New destination
          </a>
        )}
      </div>
      <Loaded of={summary} lines={2}>
        {(found) => (
          <>
            <Tiles of={found} status={status} show={(chosen) => show({ status: chosen, show: "" })} />
            {found.destinations.failing > 0 && status !== "failing" && text === "" && (
              <Needing total={found.destinations.failing} />
            )}
            {status === null && text === "" && <NeedingSources />}
          </>
        )}
      </Loaded>
      {!(summary.problem instanceof Problem && summary.data === null) && (
        <section aria-labelledby="all">
          <div class="section-head">
            <h2 id="all">{OTHERS[other] ?? (status === null ? "All" : WORDS[status])} destinations</h2>
            {other !== "behind" && <Search text={text} show={(typed) => show({ q: typed })} />}
            {other !== "behind" && (
              <select
                aria-label="Data"
                value={type ?? ""}
                onChange={({ currentTarget: { value } }) => show({ data: value })}
              >
                <option value="">All data</option>
                {DATA_TYPES.map((each) => (
                  <option key={each} value={each}>
                    {NAMES[each]}
                  </option>
                ))}
              </select>
            )}
            <select
              aria-label="Show"
              value={other || (status ?? "")}
              onChange={({ currentTarget: { value } }) =>
                show(value in OTHERS ? { status: null, show: value } : { status: value, show: "" })
              }
            >
              <option value="">All states</option>
              {[...STATUSES.map((each) => [each, WORDS[each]] as const), ...Object.entries(OTHERS)].map(([each, word]) => (
                <option key={each} value={each}>
                  {word}
                </option>
              ))}
            </select>
          </div>
          <List
            key={`${status} ${type} ${other} ${text}`}
            selection={{
              ...(status && { status }),
              ...(type && { data_type: type }),
              ...(text && { q: text }),
              ...(other === "deleted" && { deleted: "true" }),
              ...(other === "behind" && { sort: "behind" }),
            }}
          />
        </section>
      )}
    </>
  );
}

function Tiles({
  of: { destinations, behind, last_24_hours, running_backfills, owed_hours, unreadable, complete },
  status,
  show,
}: {
  of: Schemas["SummaryView"];
  status: StatusName | null;
  show: (status: StatusName | null) => void;
}) {
  const { rows, rejected, bytes: size } = last_24_hours;
  return (
    <div class="tiles">
      <div class="tile-group" role="group" aria-label="Show destinations by state">
        {STATUSES.map((each) => (
          <button
            key={each}
            type="button"
            class={`tile ${each === "failing" && destinations[each] > 0 ? "bad" : ""}`}
            aria-pressed={status === each}
            onClick={() => show(status === each ? null : each)}
          >
            <span class="tile-label">{WORDS[each]}</span>
            <span class="tile-value">{count(destinations[each])}</span>
          </button>
        ))}
      </div>
      <dl class="facts">
        <div>
          <dt>Behind</dt>
          <dd>
            {count(behind)} <small>{plural(owed_hours, "hour")} owed</small>
          </dd>
        </div>
        <div>
          <dt>Rows, last 24 hours</dt>
          <dd title={`${count(rows)} rows`}>
            {short(rows)} <small>{bytes(size)}</small>
          </dd>
        </div>
        <div>
          <dt>Rejected</dt>
          <dd title={`${count(rejected)} rows`}>
            {share(rejected, rows + rejected)} <small>{plural(rejected, "row")}</small>
          </dd>
        </div>
        <div>
          <dt>Backfills running</dt>
          <dd>{count(running_backfills)}</dd>
        </div>
      </dl>
      {!complete && <p class="quiet">There are too many destinations to count them all: the numbers are a part.</p>}
      {unreadable > 0 && (
        <p class="error">{plural(unreadable, "stored row")} cannot be read: the log line “row unreadable” names them.</p>
      )}
    </div>
  );
}

interface Selection {
  status?: StatusName;
  data_type?: DataType;
  q?: string;
  after?: string;
  limit?: number;
  deleted?: "true";
  sort?: "behind";
}

/** A page of destinations. The API looks at a part of them at a time, and a part may have none that are selected. */
async function listed(selection: Selection, signal: AbortSignal) {
  let query = selection;
  for (;;) {
    const page = await send("get", "/destinations", { query, signal });
    if (page.body.destinations.length > 0 || page.body.next === null) return page;
    query = { ...selection, after: page.body.next };
  }
}

function Needing({ total }: { total: number }) {
  const failing = useResource(
    "failing",
    (signal) => listed({ status: "failing", limit: NEEDING_MAX }, signal),
    { every: EVERY },
  );
  const found = failing.data?.destinations ?? [];
  return (
    <section aria-labelledby="needing">
      <h2 id="needing">
        Needs you <span class="quiet">{count(total)}</span>
      </h2>
      {failing.data === null ? (
        <Skeleton lines={2} />
      ) : (
        <ul class="needing">
          {found.map((each) => (
            <Needy key={each.id} of={each} />
          ))}
        </ul>
      )}
      {failing.data !== null && total > found.length && <a href={href("/", { status: "failing" })}>Show all {count(total)}</a>}
    </section>
  );
}

/** The sources that fail, if there are any: destinations get no hour of their projects meanwhile. */
function NeedingSources() {
  const failing = useResource(
    "failing sources",
    (signal) => send("get", "/sources", { query: { status: "failing", limit: NEEDING_MAX }, signal }),
    { every: EVERY_SOURCES },
  );
  const found = failing.data?.sources ?? [];
  if (found.length === 0) return null;
  return (
    <section aria-labelledby="sources">
      <h2 id="sources">Sources that need you</h2>
      <ul class="needing">
        {found.map(({ id, last_error: error, owed_hours: owed }) => (
          <Need key={id} error={error}>
            <a href={href(`/sources/${id}`)}>{id}</a>
            {error && <code>{error.code}</code>}
            <span class="quiet">{plural(owed, "hour")} owed</span>
          </Need>
        ))}
      </ul>
      {failing.data !== null && failing.data.next !== null && <a href="#/sources">Show all sources</a>}
    </section>
  );
}

function Needy({ of: destination }: { of: Listed }) {
  const { last_error: error } = destination;
  const owed = sum(destination.owed_hours);
  const since = oldest(destination.behind_since);
  return (
    <Need error={error}>
      <Name of={destination} />
      {error && <code>{error.code}</code>}
      <span class="quiet">
        {plural(owed, "hour")} owed{since && <> since <HourTime hour={since} /></>}
      </span>
    </Need>
  );
}

/** A destination or a source with its error and what to do. */
function Need({ error, children }: { error: Fault | null; children: ComponentChildren }) {
  return (
    <li class="note bad">
      <div class="needy-head">{children}</div>
      {error && (
        <>
          <p>{error.message}</p>
          <p>
            <strong>What to do</strong> {error.fix}{" "}
            <Copy bare text={commandIn(error.fix) ?? error.fix} label={commandIn(error.fix) ? "Copy the command" : "Copy"} />
          </p>
        </>
      )}
    </li>
  );
}

function Search({ text, show }: { text: string; show: (text: string) => void }) {
  const [typed, setTyped] = useState(text);
  useEffect(() => {
    if (typed.trim() === text) return undefined;
    const timer = setTimeout(() => show(typed.trim()), TYPING_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [typed]);
  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      const inField = event.target instanceof HTMLElement && event.target.closest("input, select, textarea, dialog");
      if (event.key !== "/" || inField) return;
      event.preventDefault();
      document.getElementById("search")?.focus();
    };
    document.addEventListener("keydown", focus);
    return () => document.removeEventListener("keydown", focus);
  }, []);
  return (
    <span class="search">
      <Icon name="search" />
      <input
        id="search"
        type="search"
        maxLength={200}
        placeholder="Search"
        aria-label="Search by name, id, container, project or organization"
        aria-keyshortcuts="/"
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
    </span>
  );
}

function List({ selection }: { selection: Selection }) {
  const [pages, setPages] = useState<string[]>([""]);
  return (
    <table class="cards destinations">
      <caption class="hidden">Destinations with their state</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">State</th>
          <th scope="col">Events</th>
          <th scope="col">Merged ids</th>
          <th scope="col">Last 48 hours</th>
        </tr>
      </thead>
      {pages.map((after, index) => (
        <Page
          key={after}
          after={after}
          selection={selection}
          more={index === pages.length - 1 ? (next) => setPages([...pages, next]) : null}
        />
      ))}
    </table>
  );
}

interface PageProps {
  selection: Selection;
  after: string;
  more: ((next: string) => void) | null;
}

function Page({ selection, after, more }: PageProps) {
  const page = useResource(
    `${after} ${JSON.stringify(selection)}`,
    (signal) => listed({ ...selection, ...(after && { after }) }, signal),
    { every: EVERY },
  );
  if (page.data === null) {
    return (
      <tbody>
        <tr>
          <td colSpan={5} class="whole">
            {page.problem === null ? <Skeleton lines={6} /> : <Trouble problem={page.problem} retry={page.reload} />}
          </td>
        </tr>
      </tbody>
    );
  }
  const { destinations, next } = page.data;
  return (
    <tbody class={page.problem === null ? "" : "stale"}>
      {destinations.map((each) => (
        <Row key={each.id} of={each} />
      ))}
      {destinations.length === 0 && next === null && after === "" && (
        <tr>
          <td colSpan={5} class="whole">
            <None filtered={Object.keys(selection).length > 0} />
          </td>
        </tr>
      )}
      {next !== null && more !== null && (
        <tr>
          <td colSpan={5} class="whole">
            <button type="button" onClick={() => more(next)}>
              Show more
            </button>
          </td>
        </tr>
      )}
    </tbody>
  );
}

function None({ filtered }: { filtered: boolean }) {
  if (filtered) return <Nothing title="No destination is like that" />;
  return (
    <Nothing title="There is no destination yet">
      <p>
        A destination is a customer's container in Azure, with what is exported there. Rows that land in the container{" "}
        <code>landing</code> go there every hour.
      </p>
      {isRoute("/new") && (
        <a class="button primary" href="#/new">
          Make your first destination
        </a>
      )}
    </Nothing>
  );
}

function Row({ of: destination }: { of: Listed }) {
  const { id, status, last_error: error, last_exported_hour: last } = destination;
  return (
    <tr>
      <th scope="row">
        <Name of={destination} />
        <span class="quiet id">{id}</span>
      </th>
      <td data-title="State">
        <Status of={status} />
        {error && <code class="error-code">{error.code}</code>}
      </td>
      <td data-title="Events">
        <Stream of={destination} type="events" />
      </td>
      <td data-title="Merged ids">
        <Stream of={destination} type="merged_ids" />
      </td>
      <td data-title="Last 48 hours" class="strip-cell">
        {status !== "draft" && status !== "deleted" && <Strip id={id} version={`${status} ${Object.values(last).join()} ${sum(destination.owed_hours)}`} />}
      </td>
    </tr>
  );
}

function Name({ of: { id, name } }: { of: Listed }) {
  return (
    <a href={href(`/destinations/${id}`)}>
      <bdi>{name}</bdi>
    </a>
  );
}

function Stream({ of: destination, type }: { of: Listed; type: DataType }) {
  if (destination[type] === null) return <span class="quiet" title={`It has no ${NAMES[type].toLowerCase()}`}>none</span>;
  const last = destination.last_exported_hour[type];
  const owed = destination.status === "deleted" ? 0 : (destination.owed_hours[type] ?? 0);
  return (
    <>
      {last ? <HourTime hour={last} /> : <span class="quiet">nothing yet</span>}
      {owed > 0 && <span class="owed-count">{plural(owed, "hour")} owed</span>}
    </>
  );
}

function sum(numbers: Record<string, number>): number {
  return Object.values(numbers).reduce((total, each) => total + each, 0);
}

function oldest(hours: Record<string, string | null>): string | null {
  return Object.values(hours).reduce((first, each) => (each !== null && (first === null || each < first) ? each : first), null);
}
