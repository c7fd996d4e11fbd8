// The exporter itself: is the timer alive, are messages waiting or given up, which settings are in effect.

import { type Schemas, send } from "../api/client";
import { useResource } from "../api/resource";
import { count, plural } from "../format";
import { Copy } from "../parts/fix";
import { Icon } from "../parts/icons";
import { Table } from "../parts/table";
import { Ago } from "../parts/time";
import { Title } from "../parts/title";
import { Loaded } from "../parts/trouble";
import { signedIn } from "../session";
import { type TickState, tickState } from "../tick";

type View = Schemas["StatusView"];

const EVERY = 15_000;
const QUEUES: Record<string, string> = {
  "export-hours": "Hours to export",
  "backfill-hours": "Hours to export again",
  "backfill-steps": "Steps of backfills",
  "verify-steps": "Steps of verifications",
  "webhook-calls": "Calls of webhooks",
  "pull-hours": "Hours to pull",
};

export function Settings() {
  const status = useResource("status", (signal) => send("get", "/status", { signal }), { every: EVERY });
  return (
    <>
      <div class="page-head">
        <Title text="Settings and health" />
      </div>
      <Loaded of={status} lines={10}>
        {(found) => (
          <div class="narrow">
            <Problems of={found} />
            <Health of={found} />
            {found.key_rotation !== null && <Rotation of={found.key_rotation} />}
            <Queues of={found} />
            <Addresses of={found.outbound_addresses} />
            <Effective of={found.settings} />
            <Links of={found.settings} />
          </div>
        )}
      </Loaded>
    </>
  );
}

function Problems({ of: { problems } }: { of: View }) {
  if (problems.length === 0) return null;
  return (
    <div class="note bad" role="alert">
      <p class="note-title">
        <Icon name="cross" /> {plural(problems.length, "setting needs", "settings need")} a correction
      </p>
      <ul class="errors">
        {problems.map(({ field, message }) => (
          <li key={field}>
            <code>{field}</code> {message}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Health({ of: status }: { of: View }) {
  const { version, row_reader, storage_reached } = status;
  return (
    <section aria-labelledby="health">
      <h2 id="health">Health</h2>
      <dl class="checks">
        <div>
          <dt>Timer</dt>
          <dd>{timer(status)}</dd>
        </div>
        <div>
          <dt>Own storage</dt>
          <dd>
            {storage_reached ? (
              <Badge tone="good" text="reached" />
            ) : (
              <>
                <Badge tone="bad" text="not reached" /> <span class="quiet">Nothing is exported meanwhile, and nothing is lost.</span>
              </>
            )}
          </dd>
        </div>
        <div>
          <dt>Version</dt>
          <dd>
            {version} <span class="quiet">· rows are read by {row_reader === "native" ? "compiled code" : "Python code"}</span>
          </dd>
        </div>
        <div>
          <dt>This page</dt>
          <dd>
            {signedIn.value ? "signed in with a function key" : "no key is needed"}
          </dd>
        </div>
      </dl>
    </section>
  );
}

/** While SECRETS_KEY has several keys: how many secrets still need an earlier one. */
function Rotation({ of: { destinations, sources } }: { of: NonNullable<View["key_rotation"]> }) {
  const left = destinations.left + sources.left;
  const lost = [
    ...destinations.unreadable.map((id) => ({ id, href: `#/destinations/${id}/configuration` })),
    ...sources.unreadable.map((id) => ({ id, href: `#/sources/${id}/configuration` })),
  ];
  return (
    <section aria-labelledby="rotation">
      <h2 id="rotation">Change of SECRETS_KEY</h2>
      <p>
        {left === 0 ? (
          <>
            <Badge tone="good" text="done" /> No secret needs an earlier key. <strong>What to do</strong> Remove the earlier keys
            from <code>SECRETS_KEY</code>.
          </>
        ) : (
          <>
            <Badge tone="warn" text="under way" /> {plural(destinations.left, "secret")} of destinations and{" "}
            {count(sources.left)} of sources need an earlier key. <strong>What to do</strong> Keep all keys: each tick encrypts
            up to 100 of them with the first one.
          </>
        )}
      </p>
      {lost.length > 0 && (
        <div class="note bad">
          <p>No key decrypts these secrets. Enter them again:</p>
          <ul class="errors">
            {lost.map(({ id, href }) => (
              <li key={href}>
                <a href={href}>{id}</a>
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  );
}

function timer(status: View) {
  const { tone, text, at } = tickState(status);
  const tick = status.last_tick;
  return (
    <>
      <Badge tone={tone} text={text} /> {at !== null && <Ago at={at} />}
      <span class="quiet">
        {tick !== null &&
          ` · ${count(tick.queued)} of ${plural(tick.due, "due hour")} queued · ${plural(tick.behind, "stream")} behind · ${plural(tick.failing, "destination")} failing`}
        {tick !== null && tick.failed_parts > 0 && " · the log has each error"}
        {tone === "warn" && " · ticks come by the setting EXPORT_SCHEDULE"}
      </span>
    </>
  );
}

function Badge({ tone, text }: { tone: TickState["tone"]; text: string }) {
  return (
    <span class={`badge ${tone}`}>
      <Icon name={tone === "good" ? "check" : tone === "bad" ? "cross" : "alert"} size={14} />
      {text}
    </span>
  );
}

function Queues({ of: { queues } }: { of: View }) {
  return (
    <section aria-labelledby="queues">
      <h2 id="queues">Queues</h2>
      {queues === null ? (
        <p class="quiet">Not known: the storage of the exporter is not reached.</p>
      ) : (
        <Table
          caption="Messages that wait, and messages that were given up, by queue"
          rows={queues}
          keyOf={({ name }) => name}
          columns={[
            {
              title: "Queue",
              heads: true,
              cell: ({ name }) => (
                <>
                  {QUEUES[name] ?? name} <code class="id quiet">{name}</code>
                </>
              ),
            },
            { title: "Waiting", number: true, cell: ({ waiting }) => count(waiting) },
            {
              title: "Given up",
              number: true,
              cell: ({ poison }) =>
                poison === 0 ? count(poison) : <span class="error">{count(poison)}: the log has the reason</span>,
            },
          ]}
        />
      )}
    </section>
  );
}

function Addresses({ of: addresses }: { of: string[] | null }) {
  return (
    <section aria-labelledby="addresses">
      <h2 id="addresses">Outbound addresses</h2>
      {addresses === null ? (
        <p class="quiet">
          Not known. If the app has fixed addresses, the setting <code>OUTBOUND_ADDRESSES</code> shows them here and in the
          wizard, for the firewalls of customers.
        </p>
      ) : (
        <p class="row">
          <code>{addresses.join(", ")}</code> <Copy text={addresses.join(",")} />
        </p>
      )}
    </section>
  );
}

function Effective({ of: settings }: { of: Schemas["SettingView"][] }) {
  return (
    <section aria-labelledby="settings">
      <h2 id="settings">Settings in effect</h2>
      <Table
        caption="The settings in effect"
        rows={settings}
        keyOf={({ name }) => name}
        columns={[
          { title: "Setting", heads: true, cell: ({ name }) => <code>{name}</code> },
          {
            title: "Value",
            cell: ({ value }) => (value === "" ? <span class="quiet">none</span> : <code>{value.replaceAll(",", ", ")}</code>),
          },
        ]}
      />
    </section>
  );
}

/** To the API's document and, if the operator has said where the log is, to it and to its workbooks in the portal. */
function Links({ of: settings }: { of: Schemas["SettingView"][] }) {
  const url = new URL("../api/openapi.json", document.baseURI).pathname;
  const valueOf = (wanted: string): string => settings.find(({ name }) => name === wanted)?.value ?? "";
  const resource = valueOf("LOG_ANALYTICS_RESOURCE_ID");
  return (
    <>
      {resource !== "" && (
        <p class="row">
          {["Logs", "Workbooks"].map((page) => (
            <a key={page} href={`${valueOf("AZURE_PORTAL")}/#resource${resource}/${page.toLowerCase()}`} target="_blank" rel="noreferrer">
              {page} in Azure
            </a>
          ))}
        </p>
      )}
      <p class="quiet last">
        Everything that the console does, the API does, too: <a href={url}>its OpenAPI document</a>.
      </p>
    </>
  );
}
