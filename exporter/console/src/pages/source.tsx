// A source: its state, what to do about it, and its tabs.

import type { ComponentType } from "preact";
import { useState } from "preact/hooks";

import { post, refusalOf, type Schemas, send } from "../api/client";
import { useResource } from "../api/resource";
import { plural } from "../format";
import { Confirm } from "../parts/confirm";
import { FaultNote } from "../parts/fix";
import { Icon } from "../parts/icons";
import { Status } from "../parts/status";
import { PULL_STEPS } from "../parts/steps";
import { Tabs } from "../parts/tabs";
import { TestDialog } from "../parts/test-dialog";
import { HourTime } from "../parts/time";
import { say } from "../parts/toast";
import { Title } from "../parts/title";
import { Loaded, Nothing } from "../parts/trouble";
import { href, type RouteProps } from "../router";
import { SourceConfiguration } from "./source-form";
import { SourceHours } from "./source-hours";
import { PullsTab } from "./source-pulls";

type View = Schemas["SourceView"];

export interface SourceTabProps {
  source: View;
  /** Ask for the source again: something about it was changed. */
  reload: () => void;
  parameters: Record<string, string>;
  query: URLSearchParams;
}

const EVERY = 15_000;
/** The tabs, in their order; ``name`` is the last part of the address. */
const TABS: { name: string; label: string; page: ComponentType<SourceTabProps> }[] = [
  { name: "", label: "Hours", page: SourceHours },
  { name: "pulls", label: "Pulls on request", page: PullsTab },
  { name: "configuration", label: "Configuration", page: SourceConfiguration },
];

/** What can be seen of a source: of a deleted one, what it has done. */
function tabsOf({ status }: View) {
  return TABS.filter(({ name }) => status !== "deleted" || name !== "configuration");
}

export function Source({ parameters, query }: RouteProps) {
  const id = parameters["id"] ?? "";
  const found = useResource(
    `source ${id}`,
    (signal) => send("get", "/sources/{id}", { path: { id }, query: { deleted: "true" }, signal }),
    { every: EVERY },
  );
  const tab = TABS.find(({ name }) => name === (parameters["tab"] ?? ""));
  return (
    <>
      <a class="back" href="#/sources">
        <Icon name="left" size={14} /> Sources
      </a>
      {found.data === null && <Title text={id} />}
      <Loaded of={found} lines={8}>
        {(source) => (
          <>
            <Head of={source} reload={found.reload} />
            <Tabs of="Source" address={`/sources/${id}`} tabs={tabsOf(source)} current={tab?.name} />
            {tab === undefined ? (
              <Nothing title="There is no such page" />
            ) : (
              <tab.page source={source} reload={found.reload} parameters={parameters} query={query} />
            )}
          </>
        )}
      </Loaded>
    </>
  );
}

function Head({ of: source, reload }: { of: View; reload: () => void }) {
  const [asked, setAsked] = useState<"" | "test" | "activate" | "pause">("");
  const { id, status, project_id: project, region, base_url: url, last_error: error } = source;
  const { owed_hours: owed, failed_hours: failed } = source;
  const path = { id };
  const close = (): void => setAsked("");
  const resume = async (): Promise<void> => {
    try {
      await post("/sources/{id}/resume", { path });
      say("Resumed. The next tick asks for what is due.");
    } catch (refused) {
      say(refusalOf(refused).message, "bad");
    }
    reload();
  };
  return (
    <header class="destination-head">
      <div class="page-head">
        <div class="headline">
          <Title text={id} /> <Status of={status} />
        </div>
        {status !== "deleted" && (
          <div class="row">
            <button type="button" onClick={() => setAsked("test")}>
              Test
            </button>
            {status === "failing" && (
              <button type="button" class="primary" onClick={() => setAsked("activate")}>
                Test and go on
              </button>
            )}
            {status === "paused" ? (
              <button type="button" class="primary" onClick={() => void resume()}>
                Resume
              </button>
            ) : (
              <button type="button" onClick={() => setAsked("pause")}>
                Pause
              </button>
            )}
          </div>
        )}
      </div>
      <p class="quiet origin">
        <span>{url === null ? `Amplitude, ${region.toUpperCase()}` : url.replace(/^https?:\/\//, "")}</span>
        <Icon name="right" size={14} />
        <span class="hidden">to</span>
        <span>project {project}</span>
        <span>
          · all hours before <HourTime hour={source.pulled_until} /> are {failed.length > 0 ? "pulled or have failed" : "pulled"}
          {owed > 0 && `, ${plural(owed, "hour")} owed`}
        </span>
      </p>
      {status === "paused" && (
        <p class="note warn">
          Nothing is pulled, and no hour of the project is closed meanwhile. What has become due is pulled after Resume.
        </p>
      )}
      {error && (
        <FaultNote fault={error}>
          {error.code === "credentials" && <a href={href(`/sources/${id}/configuration`)}>Enter the keys</a>}
        </FaultNote>
      )}
      {(asked === "test" || asked === "activate") && (
        <TestDialog
          title={asked === "test" ? "Test the source" : "Test, and go on"}
          steps={PULL_STEPS}
          passed="The source can be pulled."
          run={async (signal) => {
            if (asked === "test") return (await post("/sources/{id}/test", { path, signal })).steps;
            await post("/sources/{id}/activate", { path, signal });
            say("The next tick asks for what is due.");
            return null;
          }}
          onClose={close}
          onDone={reload}
        >
          Asks the API for the newest hour that is due, as a pull does. Nothing is landed.
          {asked === "activate" && " If it passes, the source is asked again at the next tick."}
        </TestDialog>
      )}
      {asked === "pause" && (
        <Confirm
          title="Pause this source?"
          verb="Pause"
          action={async () => {
            await post("/sources/{id}/pause", { path });
            reload();
            say("Paused. An hour that is being pulled finishes.");
          }}
          onClose={close}
        >
          <p>
            Nothing more is pulled, and the hours of project {project} stay open: destinations get none of them until the source is
            resumed.
          </p>
        </Confirm>
      )}
    </header>
  );
}
