// One backfill: its progress while it runs, and afterwards what became of it.

import { useState } from "preact/hooks";

import { post, type Schemas, send } from "../api/client";
import { useResource } from "../api/resource";
import { hourShort, NAMES, plural, range } from "../format";
import { Bar, isOver, Numbers, typesOf } from "../parts/backfill-line";
import { Confirm } from "../parts/confirm";
import { FailedHours } from "../parts/failed-hours";
import { FaultNote } from "../parts/fix";
import { Icon } from "../parts/icons";
import { Status } from "../parts/status";
import { At } from "../parts/time";
import { say } from "../parts/toast";
import { Title } from "../parts/title";
import { Loaded } from "../parts/trouble";
import { href, type RouteProps } from "../router";

type View = Schemas["BackfillView"];

export function Backfill({ parameters }: RouteProps) {
  const { id = "", backfill: backfillId = "" } = parameters;
  const path = { id, backfill_id: backfillId };
  const [asked, setAsked] = useState<"" | "cancel" | "retry">("");
  // The answer says when to ask again, until the backfill has ended.
  const found = useResource(`backfill ${id} ${backfillId}`, (signal) =>
    send("get", "/destinations/{id}/backfills/{backfill_id}", { path, signal }),
  );
  const close = (): void => setAsked("");
  return (
    <>
      <a class="back" href={href(`/destinations/${id}/backfills`)}>
        <Icon name="left" size={14} /> Backfills of {id}
      </a>
      {found.data === null && <Title text="Backfill" />}
      <Loaded of={found}>
        {(backfill) => (
          <>
            <div class="page-head">
              <div class="headline">
                <Title text={range(backfill.start, backfill.end)} /> <Status of={backfill.status} />
              </div>
              <div class="row">
                {!isOver(backfill) && (
                  <button type="button" onClick={() => setAsked("cancel")}>
                    Cancel…
                  </button>
                )}
                {(backfill.status === "failed" || backfill.status === "cancelled") && (
                  <button type="button" class="primary" onClick={() => setAsked("retry")}>
                    {backfill.status === "failed" ? "Retry what failed…" : "Go on…"}
                  </button>
                )}
              </div>
            </div>
            <section class="job" aria-label="Progress">
              <Bar of={backfill} />
              <p>
                <Numbers of={backfill} />
              </p>
              <Facts of={backfill} />
            </section>
            {backfill.error && (
              <section aria-label="Error">
                <FaultNote fault={backfill.error} />
              </section>
            )}
            <FailedHours
              hours={backfill.failed_hours.map(({ hour, error, data_type: type }) => ({
                hour,
                error,
                href: href(`/destinations/${id}/hours/${hour}`, { data_type: type }),
                remark: NAMES[type],
              }))}
            />
            {asked === "cancel" && (
              <Confirm
                title="Cancel this backfill?"
                verb="Cancel the backfill"
                dangerous
                action={async () => {
                  await post("/destinations/{id}/backfills/{backfill_id}/cancel", { path });
                  found.reload();
                  say("Cancelled. Hours that are running finish.");
                }}
                onClose={close}
              >
                <p>
                  {plural(backfill.hours.left, "hour")} of it will not be exported again. Running hours finish, and hours that
                  are done keep their files.
                </p>
              </Confirm>
            )}
            {asked === "retry" && (
              <Confirm
                title="Try again?"
                verb="Try again"
                action={async () => {
                  await post("/destinations/{id}/backfills/{backfill_id}/retry", { path });
                  found.reload();
                  say("The backfill runs again.");
                }}
                onClose={close}
              >
                <p>
                  {plural(backfill.hours.failed + backfill.hours.left, "hour")} that failed or did not start will be exported. Hours that
                  are done stay as they are.
                </p>
              </Confirm>
            )}
          </>
        )}
      </Loaded>
    </>
  );
}

function Facts({ of: backfill }: { of: View }) {
  return (
    <dl class="facts small-facts">
      <div>
        <dt>Data</dt>
        <dd>{typesOf(backfill)}</dd>
      </div>
      <div>
        <dt>Asked for</dt>
        <dd>
          <At at={backfill.created_at} />
        </dd>
      </div>
      {backfill.hours.empty > 0 && (
        <div>
          <dt>Without rows</dt>
          <dd>{plural(backfill.hours.empty, "hour")}</dd>
        </div>
      )}
      {backfill.clamped_from && (
        <div>
          <dt>Begins with</dt>
          <dd>{hourShort(backfill.clamped_from)}: nothing had landed before</dd>
        </div>
      )}
      {backfill.clamped_to && (
        <div>
          <dt>Ends with</dt>
          <dd>{hourShort(backfill.clamped_to)}: later hours were not closed</dd>
        </div>
      )}
      {backfill.allow_loss && (
        <div>
          <dt>Fewer rows</dt>
          <dd>allowed</dd>
        </div>
      )}
    </dl>
  );
}
