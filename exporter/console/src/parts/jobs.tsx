// Backfills, pulls or verifications, the newest first: a page at a time, and asked for again sooner while one runs.

import { type ComponentChildren, Fragment } from "preact";
import { useState } from "preact/hooks";

import type { Received } from "../api/client";
import { useResource } from "../api/resource";
import { Nothing, Skeleton, Trouble } from "./trouble";

const EVERY_RUNNING = 2_000;
const EVERY = 15_000;

interface JobsProps<Listed, Job> {
  /** Whose jobs they are, and of which kind. */
  name: string;
  load: (query: { after?: string }, signal: AbortSignal) => Promise<Received<Listed>>;
  jobsOf: (listed: Listed) => Job[];
  isOver: (job: Job) => boolean;
  /** What is said if there are none. */
  none: { title: string; text: string };
  /** The list item of a job. */
  children: (job: Job) => ComponentChildren;
}

export function Jobs<Listed extends { next: string | null }, Job extends { id: string }>(props: JobsProps<Listed, Job>) {
  const [pages, setPages] = useState<string[]>([""]);
  return (
    <ul class="jobs">
      {pages.map((after, index) => (
        <Page
          key={after}
          {...props}
          after={after}
          more={index === pages.length - 1 ? (next) => setPages([...pages, next]) : null}
        />
      ))}
    </ul>
  );
}

interface PageProps<Listed, Job> extends JobsProps<Listed, Job> {
  after: string;
  more: ((next: string) => void) | null;
}

function Page<Listed extends { next: string | null }, Job extends { id: string }>({
  name,
  load,
  jobsOf,
  isOver,
  none,
  children,
  after,
  more,
}: PageProps<Listed, Job>) {
  const [running, setRunning] = useState(false);
  const page = useResource(
    `${name} ${after}`,
    async (signal) => {
      const received = await load(after === "" ? {} : { after }, signal);
      setRunning(jobsOf(received.body).some((each) => !isOver(each)));
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
  const { next } = page.data;
  const jobs = jobsOf(page.data);
  return (
    <>
      {after === "" && jobs.length === 0 && (
        <li>
          <Nothing title={none.title}>
            <p>{none.text}</p>
          </Nothing>
        </li>
      )}
      {jobs.map((each) => (
        <Fragment key={each.id}>{children(each)}</Fragment>
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
