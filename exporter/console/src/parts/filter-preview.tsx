// What a filter keeps of the newest hour that has landed, while it is written.

import { useEffect, useState } from "preact/hooks";

import { post, Problem, type Schemas } from "../api/client";
import { isComplete, type Item, toJson } from "../filter";
import { count, hourSpan, plural, share } from "../format";
import type { Errors } from "./filter-builder";
import { Skeleton } from "./trouble";

type View = Schemas["UnsavedPreviewView"];

const TYPING_MILLISECONDS = 300;

export interface Previewed {
  /** The newest answer; that of an earlier filter while ``busy``. */
  found: View | null;
  busy: boolean;
  /** Why there is no preview: nothing landed, or the API is away. */
  message: string;
  /** What is wrong in the filter, by path. */
  errors: Errors;
}

/** Ask for the preview of a filter when typing pauses. The last request is given up when the next one is sent. */
export function usePreview(project: number | null, filter: Item | null): Previewed {
  const [state, setState] = useState<Previewed>({ found: null, busy: project !== null, message: "", errors: [] });
  const ready = filter === null || isComplete(filter);
  const body = project === null || !ready ? "" : JSON.stringify({ project_id: project, filter: filter && toJson(filter) });
  useEffect(() => {
    if (body === "") {
      setState((old) => ({ ...old, busy: false, errors: [] }));
      return undefined;
    }
    const ended = new AbortController();
    setState((old) => ({ ...old, busy: true }));
    const timer = setTimeout(() => {
      const asked = { project_id: project ?? 0, filter: filter && (toJson(filter) as unknown as Schemas["FilterNode"]) };
      post("/preview", { body: asked, signal: ended.signal })
        .then((found) => setState({ found, busy: false, message: "", errors: [] }))
        .catch((error: unknown) => {
          if (ended.signal.aborted || !(error instanceof Error)) return;
          const errors = error instanceof Problem ? (error.rest.errors ?? []) : [];
          setState((old) => ({ ...old, busy: false, errors, message: errors.length > 0 ? "" : error.message }));
        });
    }, TYPING_MILLISECONDS);
    return () => {
      clearTimeout(timer);
      ended.abort();
    };
  }, [body]);
  return state;
}

export function FilterPreview({ of: { found, busy, message, errors }, filter }: { of: Previewed; filter: Item | null }) {
  const waits = filter !== null && !isComplete(filter);
  return (
    <section class="preview" aria-labelledby="preview" aria-busy={busy}>
      <h2 id="preview">Preview</h2>
      <div role="status">
        {errors.length > 0 ? (
          <p class="error">The API refuses this filter: {plural(errors.length, "problem")}, shown at its place.</p>
        ) : message !== "" ? (
          <p class="quiet">{message}</p>
        ) : found === null ? (
          busy && <Skeleton lines={3} />
        ) : (
          <Kept of={found} waits={waits} />
        )}
      </div>
      {errors.length === 0 && message === "" && found !== null && <Examples of={found.examples} />}
    </section>
  );
}

function Kept({ of: { hour, rows, complete }, waits }: { of: View; waits: boolean }) {
  const all = rows.exported + rows.filtered;
  return (
    <>
      <p class="kept">
        <strong>
          keeps {count(rows.exported)} of {count(all)}
        </strong>{" "}
        events ({share(rows.exported, all)})
      </p>
      <svg class="kept-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect class="all" width="100" height="4" />
        <rect class="part" width={all === 0 ? 0 : (rows.exported / all) * 100} height="4" />
      </svg>
      <p class="quiet">
        of {hourSpan(hour)}
        {complete ? "" : ", as far as it was read"}
        {waits && ". A condition is not complete yet: this is the filter before it"}
      </p>
    </>
  );
}

function Examples({ of: examples }: { of: View["examples"] }) {
  if (examples.length === 0) return <p class="quiet">No event of this hour passes.</p>;
  return (
    <div class="examples">
      <h3>{examples.length === 1 ? "The event" : `The first ${examples.length} events`}</h3>
      {examples.map((row, index) => (
        <details key={index}>
          <summary>
            <bdi>{String(row["event_type"] ?? "event")}</bdi> <span class="quiet">{String(row["event_time"] ?? "")}</span>
          </summary>
          <pre tabIndex={0} aria-label="The exported row">
            {JSON.stringify(row, null, 1)}
          </pre>
        </details>
      ))}
    </div>
  );
}
