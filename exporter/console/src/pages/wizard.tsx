// A new destination in seven steps, each with an address: data, filter, schema, credentials, container, test, activate.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

import { post, Problem, type Schemas, send } from "../api/client";
import { useResource } from "../api/resource";
import { draft, edit, EMPTY, exampleNames, idOf, modelOf, sourceId, stepOfFault, stepOfField } from "../draft";
import { useFields } from "../fields";
import { isComplete, sentence } from "../filter";
import { hourShort } from "../format";
import { dayKey } from "../hours";
import { ContainerFields, CredentialsFields, OutputFields } from "../parts/destination-fields";
import { Field } from "../parts/field";
import { type Errors, FilterBuilder } from "../parts/filter-builder";
import { FilterPreview, usePreview } from "../parts/filter-preview";
import { Icon } from "../parts/icons";
import { Steps } from "../parts/steps";
import { Table } from "../parts/table";
import { Title } from "../parts/title";
import { say } from "../parts/toast";
import { go, href, type RouteProps } from "../router";

const STEPS = [
  { name: "data", label: "Data" },
  { name: "filter", label: "Filter" },
  { name: "schema", label: "Schema" },
  { name: "credentials", label: "Credentials" },
  { name: "container", label: "Container" },
  { name: "test", label: "Test upload" },
  { name: "activate", label: "Activate" },
] as const;
type StepName = (typeof STEPS)[number]["name"];
const ROLE_SECONDS = 60;

/** What the API says of the draft: wrong fields, and the report of the last test upload. */
interface Verdict {
  errors: Errors;
  report: Schemas["StepView"][] | null;
  message: string;
  /** The draft that this is about. */
  of: string;
}

const NONE: Verdict = { errors: [], report: null, message: "", of: "" };
// It stays while the steps change, as the draft does.
let lastVerdict = NONE;

export function Wizard({ parameters }: RouteProps) {
  const step = STEPS.find(({ name }) => name === (parameters["step"] ?? "data")) ?? STEPS[0];
  const [verdict, set] = useState(lastVerdict);
  const setVerdict = (changed: Verdict): void => {
    lastVerdict = changed;
    set(changed);
  };
  const of = JSON.stringify(modelOf(draft.value));
  const current = verdict.of === of ? verdict : { ...verdict, report: null, message: "" };
  return (
    <>
      <a class="back" href="#/">
        <Icon name="left" size={14} /> Destinations
      </a>
      <div class="wizard">
        <Progress at={step.name} verdict={current} />
        <div class="wizard-step">
          <Title text={`New destination: ${step.label}`} />
          <Step name={step.name} verdict={current} setVerdict={setVerdict} of={of} />
        </div>
      </div>
    </>
  );
}

function Step({ name, verdict, setVerdict, of }: { name: StepName; verdict: Verdict; setVerdict: (changed: Verdict) => void; of: string }) {
  switch (name) {
    case "data":
      return <Data errors={verdict.errors} />;
    case "filter":
      return <Filter errors={verdict.errors} />;
    case "schema":
      return <Schema errors={verdict.errors} />;
    case "credentials":
      return <SignIn errors={verdict.errors} />;
    case "container":
      return <Container errors={verdict.errors} />;
    case "test":
      return <Test verdict={verdict} setVerdict={setVerdict} of={of} />;
    case "activate":
      return <Activate verdict={verdict} setVerdict={setVerdict} of={of} />;
  }
}

/** Which steps have what they need, as far as that can be seen without the API. */
function isFilled(name: StepName, verdict: Verdict): boolean {
  const { events, merged, project, organization, filter, credentials, storage, id } = draft.value;
  switch (name) {
    case "data":
      return (
        (events || merged) && (!events || sourceId(project) !== null) && (!merged || sourceId(organization) !== null) &&
        draft.value.name.trim() !== "" && id !== ""
      );
    case "filter":
      return filter === null || isComplete(filter);
    case "schema":
      return true;
    case "credentials":
      return {
        service_principal: Boolean(credentials.tenant_id && credentials.client_id && credentials.secret),
        workload_identity: Boolean(credentials.tenant_id && credentials.client_id),
        managed_identity: true,
        sas: credentials.secret !== "",
        connection_string: credentials.secret !== "",
      }[credentials.type];
    case "container":
      return storage.container !== "" && (storage.account_url !== "" || credentials.type === "connection_string");
    case "test":
      return verdict.report !== null && verdict.report.every(({ status }) => status === "passed");
    case "activate":
      return false;
  }
}

/** The steps at which something is wrong. */
function wrongSteps({ errors, report }: Verdict): Set<string> {
  const found = new Set(errors.map(({ field }) => stepOfField(field)));
  for (const { code } of report ?? []) {
    if (code !== null) found.add("test").add(stepOfFault(code, draft.value.credentials.type));
  }
  return found;
}

function Progress({ at, verdict }: { at: StepName; verdict: Verdict }) {
  const wrong = wrongSteps(verdict);
  const place = STEPS.findIndex(({ name }) => name === at);
  return (
    <nav class="wizard-steps" aria-label="Steps">
      <p class="quiet">
        Step {place + 1} of {STEPS.length}
      </p>
      <ol>
        {STEPS.map(({ name, label }, index) => {
          const state = wrong.has(name) ? "wrong" : index < place && isFilled(name, verdict) ? "done" : "";
          return (
            <li key={name}>
              <a href={href(`/new/${name}`)} class={state} aria-current={name === at ? "step" : undefined}>
                <span class="step-number">
                  {state === "wrong" ? <Icon name="cross" size={14} /> : state === "done" ? <Icon name="check" size={14} /> : index + 1}
                </span>
                {label}
                {state !== "" && <span class="hidden">{state === "wrong" ? " (something is wrong)" : " (done)"}</span>}
              </a>
            </li>
          );
        })}
      </ol>
    </nav>
  );
}

/** The fields of a step. Enter goes on, as the button does. */
function Form({ at, wide = false, ready = true, why = "", children }: FootProps & { wide?: boolean; children: ComponentChildren }) {
  return (
    <form
      class={wide ? "form wide" : "form"}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) next(at);
      }}
    >
      {children}
      <Foot at={at} ready={ready} why={why} />
    </form>
  );
}

interface FootProps {
  at: StepName;
  /** Whether the step has what it needs, and what is missing if not. */
  ready?: boolean;
  why?: string;
}

function next(at: StepName): void {
  const after = STEPS[STEPS.findIndex(({ name }) => name === at) + 1];
  if (after) go(href(`/new/${after.name}`));
}

function Foot({ at, ready = true, why = "" }: FootProps) {
  const place = STEPS.findIndex(({ name }) => name === at);
  const [before, after] = [STEPS[place - 1], STEPS[place + 1]];
  return (
    <div class="form-foot">
      {before && (
        <a class="button" href={href(`/new/${before.name}`)}>
          Back
        </a>
      )}
      {after && (
        <button type="submit" class="primary" disabled={!ready} onClick={() => next(at)}>
          Next: {after.label}
        </button>
      )}
      {!ready && why !== "" && <span class="quiet">{why}</span>}
    </div>
  );
}

function Data({ errors }: { errors: Errors }) {
  const { name, id, ownId, events, project, merged, organization } = draft.value;
  const landing = useResource("landing", (signal) => send("get", "/landing", { signal }));
  const of = (type: "events" | "merged_ids") => landing.data?.streams.filter(({ data_type }) => data_type === type) ?? null;
  return (
    <Form at="data" ready={isFilled("data", NONE)} why="A name, and what to export, are missing.">
      <Field
        label="Name"
        name="name"
        value={name}
        errors={errors}
        placeholder="Acme raw events"
        onChange={(typed) => edit({ name: typed, ...(ownId ? {} : { id: idOf(typed) }) })}
      />
      <Field
        label="Id"
        name="id"
        value={id}
        errors={errors}
        hint="a to z, 0 to 9 and hyphens. It is part of addresses and cannot be changed later."
        onChange={(typed) => edit({ id: typed, ownId: true })}
      />
      <fieldset class="choices">
        <legend>What to export</legend>
        <label class="check">
          <input type="checkbox" checked={events} onChange={(event) => edit({ events: event.currentTarget.checked })} />
          Export events ingested today and moving forward
        </label>
        {events && (
          <Source
            label="Project"
            name="events.project_id"
            value={project}
            errors={errors}
            landed={of("events")}
            onChange={(typed) => edit({ project: typed })}
          />
        )}
        <label class="check">
          <input type="checkbox" checked={merged} onChange={(event) => edit({ merged: event.currentTarget.checked })} />
          Export all merged Amplitude IDs
        </label>
        {merged && (
          <Source
            label="Organization"
            name="merged_ids.org_id"
            value={organization}
            errors={errors}
            landed={of("merged_ids")}
            onChange={(typed) => edit({ organization: typed })}
          />
        )}
        {errors
          .filter(({ field }) => field === "events" || field === "merged_ids")
          .map(({ message }) => (
            <p key={message} class="error">
              {message}
            </p>
          ))}
      </fieldset>
    </Form>
  );
}

interface SourceProps {
  label: string;
  name: string;
  value: string;
  errors: Errors;
  /** What has landed; null until that is known. */
  landed: Schemas["LandedStreamView"][] | null;
  onChange: (value: string) => void;
}

function Source({ landed, ...field }: SourceProps) {
  const known = landed?.find(({ source_id }) => String(source_id) === field.value.trim());
  const hours = ({ first_hour: first, last_hour: last }: Schemas["LandedStreamView"]): string =>
    first && last ? `landed from ${first.slice(0, 10)} to ${hourShort(last)} UTC` : "no hour has landed";
  let hint = landed === null ? "Looking at what has landed…" : landed.length === 0 ? "Nothing has landed yet." : `Landed: ${landed.map(({ source_id }) => source_id).join(", ")}.`;
  if (known) hint = `${hours(known)}.`;
  else if (field.value !== "" && sourceId(field.value) === null) hint = "A whole number of at most 16 digits.";
  else if (field.value !== "" && landed !== null) hint = `Nothing of ${field.value} has landed yet: its hours are exported when it does.`;
  return <Field {...field} hint={hint} list={(landed ?? []).map((each) => ({ value: String(each.source_id), remark: hours(each) }))} />;
}

function Filter({ errors }: { errors: Errors }) {
  const { events, filter, project } = draft.value;
  const fields = useFields();
  const preview = usePreview(events ? sourceId(project) : null, filter);
  if (!events) {
    return (
      <>
        <p>Merged ids are never filtered: there is nothing to choose here.</p>
        <Foot at="filter" />
      </>
    );
  }
  const ofApi = preview.errors.length > 0 ? preview.errors : errors.filter(({ field }) => field.startsWith("events.filter"));
  return (
    <div class="two-columns">
      <section aria-label="Filter">
        <FilterBuilder
          value={filter}
          onChange={(changed) => edit({ filter: changed })}
          seen={preview.found?.properties ?? []}
          fields={fields}
          errors={ofApi}
          place={preview.errors.length > 0 ? "filter" : "events.filter"}
        />
        <Foot
          at="filter"
          ready={isFilled("filter", NONE) && preview.errors.length === 0}
          why="A condition is not complete, or the API refuses it."
        />
      </section>
      <FilterPreview of={preview} filter={filter} />
    </div>
  );
}

function Schema({ errors }: { errors: Errors }) {
  const { output, events, merged } = draft.value;
  const schemas = useResource("schemas", (signal) => send("get", "/schemas", { signal }));
  const names = exampleNames(draft.value);
  return (
    <Form at="schema" wide>
      <OutputFields value={output} onChange={(changed) => edit({ output: changed })} errors={errors} />
      <section aria-labelledby="names">
        <h2 id="names">The files of 31 Jan 2026, 17:00 UTC</h2>
        <ul class="names">
          {names.map((each) => (
            <li key={each}>
              <code>{each}</code>
            </li>
          ))}
        </ul>
      </section>
      {(["events", "merged_ids"] as const)
        .filter((each) => (each === "events" ? events : merged))
        .map((each) => (
          <details key={each} class="columns">
            <summary>
              {each === "events" ? "Columns of events" : "Columns of merged ids"}
              {schemas.data && `: ${columnsOf(schemas.data[each]).length}`}
            </summary>
            {schemas.data && <Columns of={columnsOf(schemas.data[each])} caption={each} />}
          </details>
        ))}
    </Form>
  );
}

interface Column {
  name: string;
  type: string;
  isRequired: boolean;
}

function columnsOf(schema: Record<string, unknown>): Column[] {
  const required = (schema["required"] ?? []) as string[];
  const properties = Object.entries((schema["properties"] ?? {}) as Record<string, { type?: string | string[]; pattern?: string }>);
  return properties.map(([name, { type, pattern }]) => {
    const types = (Array.isArray(type) ? type : [type ?? "any"]).filter((each) => each !== "null");
    return {
      name,
      type: pattern === undefined ? types.join(" or ") : "time",
      isRequired: required.includes(name) && !(Array.isArray(type) && type.includes("null")),
    };
  });
}

function Columns({ of: columns, caption }: { of: Column[]; caption: string }) {
  return (
    <Table
      caption={`The columns of ${caption}`}
      rows={columns}
      keyOf={({ name }) => name}
      columns={[
        { title: "Key", heads: true, cell: ({ name }) => <code>{name}</code> },
        { title: "Type", cell: ({ type }) => type },
        { title: "May be null", cell: ({ isRequired }) => (isRequired ? "no" : "yes") },
      ]}
    />
  );
}

function SignIn({ errors }: { errors: Errors }) {
  const { credentials, storage } = draft.value;
  return (
    <Form at="credentials" ready={isFilled("credentials", NONE)} why="A field is empty.">
      <CredentialsFields
        value={credentials}
        onChange={(changed) => edit({ credentials: changed })}
        errors={errors}
        storage={storage}
        stored={null}
      />
    </Form>
  );
}

function Container({ errors }: { errors: Errors }) {
  const { credentials, storage } = draft.value;
  const status = useResource("status", (signal) => send("get", "/status", { signal }));
  return (
    <Form at="container" ready={isFilled("container", NONE)} why="A field is empty.">
      <ContainerFields
        value={storage}
        onChange={(changed) => edit({ storage: changed })}
        errors={errors}
        credentials={credentials}
        addresses={status.data?.outbound_addresses ?? null}
      />
    </Form>
  );
}

interface JudgedProps {
  verdict: Verdict;
  setVerdict: (changed: Verdict) => void;
  of: string;
}

function Test({ verdict, setVerdict, of }: JudgedProps) {
  const [turn, setTurn] = useState(verdict.report === null ? 1 : 0);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (turn === 0) return undefined;
    const ended = new AbortController();
    setBusy(true);
    post("/test-upload", { body: modelOf(draft.value), signal: ended.signal })
      .then(({ steps }) => setVerdict({ errors: [], report: steps, message: "", of }))
      .catch((error: unknown) => {
        if (!ended.signal.aborted) setVerdict(verdictOf(error, of));
      })
      .finally(() => {
        if (!ended.signal.aborted) setBusy(false);
      });
    return () => ended.abort();
  }, [turn]);
  const failed = verdict.report?.find(({ code }) => code !== null);
  const ok = isFilled("test", verdict);
  return (
    <div class="form">
      <p class="quiet">
        Signs in, then writes, reads, lists and deletes a small blob below <code>_export_test</code>. Nothing is saved yet.
        The steps are answered together, when the last one has ended.
      </p>
      {verdict.errors.length > 0 || verdict.message !== "" ? (
        <Refusal of={verdict} />
      ) : (
        <Steps steps={busy ? null : verdict.report} />
      )}
      <p role="status">{!busy && verdict.report !== null && (ok ? "The container is ready." : "The test upload failed.")}</p>
      {!busy && failed?.code && <Repair code={failed.code} again={() => setTurn(turn + 1)} />}
      <div class="form-foot">
        <a class="button" href={href("/new/container")}>
          Back
        </a>
        <button type="button" disabled={busy} onClick={() => setTurn(turn + 1)}>
          {busy ? "Testing…" : "Test again"}
        </button>
        <button type="button" class="primary" disabled={busy || !ok} onClick={() => go(href("/new/activate"))}>
          Next: Activate
        </button>
        <a href={href("/new/activate")}>Save without a test</a>
      </div>
    </div>
  );
}

/** What the API refused, field by field, each with a link to its step. */
function Refusal({ of: { errors, message } }: { of: Verdict }) {
  return (
    <div class="note bad" role="alert">
      <p class="note-title">
        <Icon name="cross" /> {message}
      </p>
      <ul class="errors">
        {errors.map(({ field, message: told }) => (
          <li key={field}>
            <a href={href(`/new/${stepOfField(field)}`)}>
              <code>{field}</code>
            </a>{" "}
            {told}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Repair({ code, again }: { code: string; again: () => void }) {
  const step = STEPS.find(({ name }) => name === stepOfFault(code, draft.value.credentials.type));
  return (
    <p class="row">
      {code === "role_not_effective_yet" ? (
        <Countdown again={again} />
      ) : (
        step && (
          <a class="button" href={href(`/new/${step.name}`)}>
            <Icon name="left" size={14} /> Correct it in {step.label}
          </a>
        )
      )}
    </p>
  );
}

function Countdown({ again }: { again: () => void }) {
  const [left, setLeft] = useState(ROLE_SECONDS);
  useEffect(() => {
    if (left === 0) {
      again();
      return undefined;
    }
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  return <span>Azure still applies the role. The test runs again in {left} s.</span>;
}

function verdictOf(error: unknown, of: string): Verdict {
  if (error instanceof Problem) {
    return { errors: error.rest.errors ?? [], report: error.rest.steps ?? null, message: error.rest.steps ? "" : error.message, of };
  }
  return { errors: [], report: null, message: error instanceof Error ? error.message : String(error), of };
}

function Activate({ verdict, setVerdict, of }: JudgedProps) {
  const { name, id, events, project, merged, organization, filter, storage, from } = draft.value;
  const [busy, setBusy] = useState("");
  const today = dayKey(Date.now());

  const save = async (activated: boolean): Promise<void> => {
    setBusy(activated ? "activate" : "draft");
    try {
      await send("put", "/destinations/{id}", {
        path: { id },
        body: modelOf(draft.value),
        headers: draft.value.saved ? {} : { "If-None-Match": "*" },
      });
      edit({ saved: true });
      if (activated) {
        await post("/destinations/{id}/activate", { path: { id }, body: from === "" ? {} : { from } });
      }
      draft.value = EMPTY;
      setVerdict(NONE);
      go(href(`/destinations/${id}`));
      say(activated ? "Active. The next tick queues the owed hours." : "Saved as a draft.");
    } catch (error) {
      setVerdict(verdictOf(error, of));
      setBusy("");
    }
  };

  return (
    <div class="form">
      <dl class="checks">
        <Line title="Name" step="data" text={name ? `${name} (${id})` : "missing"} />
        <Line
          title="Data"
          step="data"
          text={[events && `events of project ${project || "?"}`, merged && `merged ids of organization ${organization || "?"}`]
            .filter(Boolean)
            .join(", ")}
        />
        {events && <Line title="Filter" step="filter" text={filter === null ? "every event" : sentence(filter)} />}
        <Line
          title="To"
          step="container"
          text={[storage.account_url.replace(/^https?:\/\//, ""), storage.container, storage.prefix].filter(Boolean).join("/")}
        />
        <Line title="Test upload" step="test" text={isFilled("test", verdict) ? "passed" : "not passed yet: activation runs it again"} />
      </dl>
      {events && (
        <Field
          label="Events from"
          name="from"
          type="date"
          value={from}
          max={today}
          min="2000-01-01"
          optional
          errors={verdict.errors}
          hint={from === "" ? "From 00:00 UTC of today on. Choose an earlier day to export what has landed since." : `From 00:00 UTC of ${from} on.`}
          onChange={(typed) => edit({ from: typed })}
        />
      )}
      {(verdict.errors.length > 0 || verdict.message !== "") && <Refusal of={verdict} />}
      {verdict.report !== null && !isFilled("test", verdict) && <Steps steps={verdict.report} />}
      <div class="form-foot">
        <a class="button" href={href("/new/test")}>
          Back
        </a>
        <button type="button" disabled={busy !== ""} onClick={() => void save(false)}>
          {busy === "draft" ? "Saving…" : "Save as draft"}
        </button>
        <button type="button" class="primary" disabled={busy !== ""} onClick={() => void save(true)}>
          {busy === "activate" ? "Activating…" : "Activate"}
        </button>
      </div>
    </div>
  );
}

function Line({ title, text, step }: { title: string; text: string; step: StepName }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>
        <bdi>{text}</bdi> <a href={href(`/new/${step}`)}>Change<span class="hidden"> {title}</span></a>
      </dd>
    </div>
  );
}
