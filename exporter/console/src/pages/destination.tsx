// A destination: its state, what to do about it, and its tabs.

import { useState } from "preact/hooks";

import { post, type Schemas, send } from "../api/client";
import { useResource } from "../api/resource";
import { Confirm } from "../parts/confirm";
import { FaultNote } from "../parts/fix";
import { Held } from "../parts/held";
import { Icon } from "../parts/icons";
import { Status } from "../parts/status";
import { Tabs } from "../parts/tabs";
import { TestUpload } from "../parts/test-upload";
import { say } from "../parts/toast";
import { Title } from "../parts/title";
import { Loaded, Nothing } from "../parts/trouble";
import type { RouteProps } from "../router";
import { tabs, tabsOf } from "../tabs";

type View = Schemas["DestinationView"];
type Asked = "" | "test" | "activate" | "pause" | "resume";

const EVERY = 15_000;

export function Destination({ parameters, query }: RouteProps) {
  const id = parameters["id"] ?? "";
  const found = useResource(
    `destination ${id}`,
    (signal) => send("get", "/destinations/{id}", { path: { id }, query: { deleted: "true" }, signal }),
    { every: EVERY },
  );
  const tab = tabs.find(({ name }) => name === (parameters["tab"] ?? ""));
  return (
    <>
      <a class="back" href="#/">
        <Icon name="left" size={14} /> Destinations
      </a>
      {found.data === null && <Title text={id} />}
      <Loaded of={found} lines={8}>
        {(destination) => (
          <>
            <Head of={destination} reload={found.reload} />
            <Tabs of="Destination" address={`/destinations/${id}`} tabs={tabsOf(destination)} current={tab?.name} />
            {tab === undefined ? (
              <Nothing title="There is no such page" />
            ) : (
              <tab.page destination={destination} reload={found.reload} parameters={parameters} query={query} />
            )}
          </>
        )}
      </Loaded>
    </>
  );
}

function Head({ of: destination, reload }: { of: View; reload: () => void }) {
  const [asked, setAsked] = useState<Asked>("");
  const { id, name, status, storage, events, merged_ids: merged, last_error: error, warning } = destination;
  const holders = [...new Set(Object.values(destination.held_by))].filter((each) => each !== null);
  const close = (): void => setAsked("");
  return (
    <header class="destination-head">
      <div class="page-head">
        <div class="headline">
          <Title text={name} /> <Status of={status} />
        </div>
        <div class="row">
          {status !== "deleted" && (
            <button type="button" onClick={() => setAsked("test")}>
              Test upload
            </button>
          )}
          {status === "draft" && (
            <button type="button" class="primary" onClick={() => setAsked("activate")}>
              Activate
            </button>
          )}
          {status === "paused" && (
            <button type="button" class="primary" onClick={() => setAsked("resume")}>
              Resume
            </button>
          )}
          {(status === "active" || status === "failing") && (
            <button type="button" onClick={() => setAsked("pause")}>
              Pause
            </button>
          )}
        </div>
      </div>
      <p class="quiet origin">
        <span>
          {events && `Project ${events.project_id}${events.filter ? ", filtered" : ""}`}
          {events && merged && " · "}
          {merged && `Organization ${merged.org_id}`}
        </span>
        <Icon name="right" size={14} />
        <span class="hidden">to</span>
        <span>
          {storage.account_url && `${storage.account_url.replace(/^https?:\/\//, "")}/`}
          {storage.container}
          {storage.prefix && `/${storage.prefix}`}
        </span>
      </p>
      {status === "deleted" ? (
        <p class="note">It is deleted: nothing is exported any more. Its files are in the container as before.</p>
      ) : (
        holders.map((each) => <Held key={each} by={each} />)
      )}
      {error && <FaultNote fault={error} />}
      {warning !== null && (
        <p class="note warn">
          <span>
            <strong>All rows were rejected:</strong> {warning}
          </span>
        </p>
      )}
      {(asked === "test" || asked === "activate") && (
        <TestUpload id={id} activate={asked === "activate"} onClose={close} onDone={reload} />
      )}
      {asked === "pause" && (
        <Confirm
          title="Pause the exports?"
          verb="Pause"
          action={async () => {
            await post("/destinations/{id}/pause", { path: { id } });
            reload();
            say("Paused. A running hour finishes, and no other one starts.");
          }}
          onClose={close}
        >
          <p>A running hour finishes, and no other one starts. The hours of the pause are exported after Resume.</p>
        </Confirm>
      )}
      {asked === "resume" && (
        <Confirm
          title="Resume the exports?"
          verb="Resume"
          action={async () => {
            await post("/destinations/{id}/resume", { path: { id } });
            reload();
            say("Resumed. The next tick queues the owed hours.");
          }}
          onClose={close}
        >
          <p>The hours of the pause are exported, too, the newest day first.</p>
        </Confirm>
      )}
    </header>
  );
}
