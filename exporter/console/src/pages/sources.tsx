// The sources: where rows are pulled from, how far each one is, and which one needs someone.

import { useState } from "preact/hooks";

import { type Schemas, send } from "../api/client";
import { useResource } from "../api/resource";
import { count, plural } from "../format";
import { Icon } from "../parts/icons";
import { Status } from "../parts/status";
import { type Column, Table } from "../parts/table";
import { HourTime } from "../parts/time";
import { Title } from "../parts/title";
import { Nothing, Skeleton, Trouble } from "../parts/trouble";
import { go, href, type RouteProps } from "../router";

type Source = Schemas["SourceView"];

const EVERY = 15_000;
const COLUMNS: Column<Source>[] = [
  {
    title: "Source",
    heads: true,
    cell: ({ id, project_id: project }) => (
      <>
        <a href={href(`/sources/${id}`)}>{id}</a>
        <span class="quiet id">project {project}</span>
      </>
    ),
  },
  {
    title: "State",
    cell: ({ status, last_error: error }) => (
      <>
        <Status of={status} />
        {error && <code class="error-code">{error.code}</code>}
      </>
    ),
  },
  { title: "Pulled until", cell: ({ pulled_until: until }) => <HourTime hour={until} /> },
  {
    title: "Owed",
    number: true,
    cell: ({ owed_hours: owed }) => (owed === 0 ? "0" : <span class="owed-count">{plural(owed, "hour")}</span>),
  },
  {
    title: "Failed",
    number: true,
    cell: ({ failed_hours: failed }) =>
      failed.length === 0 ? "0" : <span class="error">{plural(failed.length, "hour")}</span>,
  },
];

export function Sources({ query }: RouteProps) {
  const deleted = query.get("deleted") === "true";
  return (
    <>
      <div class="page-head">
        <Title text="Sources" />
        <label class="check">
          <input
            type="checkbox"
            checked={deleted}
            onChange={() => go(href("/sources", { deleted: deleted ? null : "true" }), true)}
          />
          Deleted ones
        </label>
        <a class="button primary" href="#/new-source">
          <Icon name="plus" /> New source
        </a>
      </div>
      <List key={String(deleted)} deleted={deleted} />
    </>
  );
}

function List({ deleted }: { deleted: boolean }) {
  const [pages, setPages] = useState<string[]>([""]);
  return (
    <>
      {pages.map((after, index) => (
        <Page
          key={after}
          after={after}
          deleted={deleted}
          more={index === pages.length - 1 ? (next) => setPages([...pages, next]) : null}
        />
      ))}
    </>
  );
}

interface PageProps {
  after: string;
  deleted: boolean;
  more: ((next: string) => void) | null;
}

function Page({ after, deleted, more }: PageProps) {
  const page = useResource(
    `sources ${deleted} ${after}`,
    (signal) =>
      send("get", "/sources", { query: { ...(after && { after }), ...(deleted && { deleted: "true" }) }, signal }),
    { every: EVERY },
  );
  if (page.data === null) {
    return page.problem === null ? <Skeleton lines={4} /> : <Trouble problem={page.problem} retry={page.reload} />;
  }
  const { sources, unreadable, next } = page.data;
  return (
    <div class={page.problem === null ? "" : "stale"}>
      {sources.length === 0 && after === "" ? (
        <None deleted={deleted} />
      ) : (
        <Table caption="Sources with their state" columns={COLUMNS} rows={sources} keyOf={({ id }) => id} />
      )}
      {unreadable.length > 0 && (
        <p class="error">
          {plural(unreadable.length, "stored row")} cannot be read: the log line “row unreadable” names them.
        </p>
      )}
      {next !== null && more !== null && (
        <button type="button" onClick={() => more(next)}>
          Show more than {count(sources.length)}
        </button>
      )}
    </div>
  );
}

function None({ deleted }: { deleted: boolean }) {
  if (deleted) return <Nothing title="No source was deleted" />;
  return (
    <Nothing title="There is no source yet">
      <p>
        A source pulls the events of a project from an Export API into the container <code>landing</code>, hour by hour.
        Without one, other programs have to land the rows.
      </p>
    </Nothing>
  );
}
