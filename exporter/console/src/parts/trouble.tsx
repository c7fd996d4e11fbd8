// What a page shows in place of its content: loading, nothing there, an error, wrong settings.

import type { ComponentChildren } from "preact";

import { Problem, type Unreachable } from "../api/client";
import type { Resource } from "../api/resource";
import { Icon } from "./icons";

/** Grey lines in the place of what is loading, so that nothing moves when it comes. */
export function Skeleton({ lines = 4 }: { lines?: number }) {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} />
      ))}
    </div>
  );
}

/** There is nothing yet: say what it would be, and how it comes. */
export function Nothing({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="nothing">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Why a page cannot show its content. */
export function Trouble({ problem, retry }: { problem: Problem | Unreachable; retry: () => void }) {
  const errors = problem instanceof Problem ? (problem.rest.errors ?? []) : [];
  const configured = !(problem instanceof Problem && problem.code === "not_configured");
  return (
    <div class="note bad" role="alert">
      <p class="note-title">
        <Icon name="cross" />
        <strong>{configured ? problem.message : "The exporter is not configured"}</strong>
      </p>
      {!configured && <p>Correct these app settings, then restart the app. The page notices it by itself.</p>}
      {errors.length > 0 && (
        <ul class="errors">
          {errors.map(({ field, message }) => (
            <li key={field}>
              <code>{field}</code> {message}
            </li>
          ))}
        </ul>
      )}
      {problem instanceof Problem && problem.rest.error_id && (
        <p>
          Give the operator this id: <code>{problem.rest.error_id}</code>
        </p>
      )}
      {!(problem instanceof Problem && problem.status === 404) && (
        <button type="button" class="small" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

interface LoadedProps<T> {
  of: Resource<T>;
  lines?: number;
  children: (data: T) => ComponentChildren;
}

/** Show a resource: its data, even if the app is away by now; else why there is none. */
export function Loaded<T>({ of, lines = 4, children }: LoadedProps<T>) {
  if (of.data !== null) {
    return (
      <div class={of.problem === null ? "" : "stale"}>
        {of.problem instanceof Problem && <Trouble problem={of.problem} retry={of.reload} />}
        {children(of.data)}
      </div>
    );
  }
  if (of.problem !== null) return <Trouble problem={of.problem} retry={of.reload} />;
  return <Skeleton lines={lines} />;
}
