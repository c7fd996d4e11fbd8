// The pulls of a source that people asked for, the newest first; and one of them with its progress.

import { useState } from "preact/hooks";

import { post, type Schemas, send } from "../api/client";
import { useResource } from "../api/resource";
import { count, hourShort, plural, range } from "../format";
import { Confirm } from "../parts/confirm";
import { FailedHours } from "../parts/failed-hours";
import { Icon } from "../parts/icons";
import { Jobs } from "../parts/jobs";
import { Progress } from "../parts/progress";
import { StartPull } from "../parts/start-pull";
import { Status } from "../parts/status";
import { Ago, At } from "../parts/time";
import { say } from "../parts/toast";
import { Title } from "../parts/title";
import { Loaded } from "../parts/trouble";
import { interesting } from "../pulls";
import { href, type RouteProps } from "../router";
import type { SourceTabProps } from "./source";

type View = Schemas["PullView"];

function isOver({ status }: View): boolean {
  return status !== "queued" && status !== "running";
}

export function PullsTab({ source }: SourceTabProps) {
  const { id } = source;
  const [starting, setStarting] = useState(false);
  const last = interesting(source);
  return (
    <section aria-labelledby="pulls">
      <div class="section-head">
        <h2 id="pulls">Pulls on request</h2>
        {source.status !== "deleted" && (
          <button type="button" class="primary" onClick={() => setStarting(true)}>
            Pull hours again…
          </button>
        )}
      </div>
      <Jobs
        name={`pulls ${id}`}
        load={(query, signal) => send("get", "/sources/{id}/pulls", { path: { id }, query, signal })}
        jobsOf={({ pulls }) => pulls}
        isOver={isOver}
        none={{
          title: "No hours were asked for again yet",
          text: "Hours are pulled when they are due. A request is for hours that failed, and for rows that came later.",
        }}
      >
        {(each) => (
          <li class="job">
            <div class="row">
              <Status of={each.status} />
              <a href={href(`/sources/${id}/pulls/${each.id}`)}>{range(each.start, each.end)}</a>
              <span class="quiet">
                asked for <Ago at={each.created_at} />
              </span>
            </div>
            <Bar of={each} />
          </li>
        )}
      </Jobs>
      {starting && <StartPull id={id} range={{ first: last, last }} onClose={() => setStarting(false)} />}
    </section>
  );
}

/** The progress of a pull, and its numbers below. */
function Bar({ of: pull }: { of: View }) {
  const { done, empty, failed, total } = pull.hours;
  const said = [`${count(done + empty)} of ${plural(total, "hour")}`];
  if (failed > 0) said.push(`${count(failed)} failed`);
  said.push(pull.new_rows === 1 ? "1 new row" : `${count(pull.new_rows)} new rows`);
  return (
    <>
      <Progress label={`Pull of ${range(pull.start, pull.end)}`} done={done + empty} failed={failed} total={total} />
      <p class="quiet">
        {said.join(" · ")}
        {pull.finished_at !== null && (
          <>
            {" · ended "}
            <At at={pull.finished_at} />
          </>
        )}
      </p>
    </>
  );
}

export function Pull({ parameters }: RouteProps) {
  const { id = "", pull: pullId = "" } = parameters;
  const path = { id, pull_id: pullId };
  const [asked, setAsked] = useState(false);
  // The answer says when to ask again, until the pull has ended.
  const found = useResource(`pull ${id} ${pullId}`, (signal) =>
    send("get", "/sources/{id}/pulls/{pull_id}", { path, signal }),
  );
  return (
    <>
      <a class="back" href={href(`/sources/${id}/pulls`)}>
        <Icon name="left" size={14} /> Pulls of {id}
      </a>
      {found.data === null && <Title text="Pull" />}
      <Loaded of={found}>
        {(pull) => (
          <>
            <div class="page-head">
              <div class="headline">
                <Title text={range(pull.start, pull.end)} /> <Status of={pull.status} />
              </div>
              {!isOver(pull) && (
                <button type="button" onClick={() => setAsked(true)}>
                  Cancel…
                </button>
              )}
            </div>
            <section class="job" aria-label="Progress">
              <Bar of={pull} />
              <p>
                Asked for <At at={pull.created_at} />
                {pull.clamped_to !== null && `. Ends with ${hourShort(pull.clamped_to)}: later hours were not due`}.
              </p>
            </section>
            <FailedHours
              hours={pull.failed_hours.map((each) => ({ ...each, href: href(`/sources/${id}/hours/${each.hour}`) }))}
            />
            {asked && (
              <Confirm
                title="Cancel this pull?"
                verb="Cancel the pull"
                dangerous
                action={async () => {
                  await post("/sources/{id}/pulls/{pull_id}/cancel", { path });
                  found.reload();
                  say("Cancelled. An hour that is being pulled finishes.");
                }}
                onClose={() => setAsked(false)}
              >
                <p>{plural(pull.hours.left, "hour")} will not be asked for again. What has landed stays.</p>
              </Confirm>
            )}
          </>
        )}
      </Loaded>
    </>
  );
}
