// The configuration of a destination: its data, container, credentials and files. And its end.

import { useState } from "preact/hooks";

import { Problem, type Schemas, send } from "../api/client";
import { useResource } from "../api/resource";
import { type Credentials, credentialsModel, type Output, sourceId, type Storage, storageModel } from "../draft";
import { change, type Model } from "../edit";
import { Confirm } from "../parts/confirm";
import { ContainerFields, CredentialsFields, OutputFields } from "../parts/destination-fields";
import { Field } from "../parts/field";
import type { Errors } from "../parts/filter-builder";
import { Steps } from "../parts/steps";
import { say } from "../parts/toast";
import { go } from "../router";
import type { TabProps } from "../tabs";

type View = Schemas["DestinationView"];

interface Form {
  name: string;
  project: string;
  organization: string;
  storage: Storage;
  credentials: Credentials;
  output: Output;
}

function formOf({ name, events, merged_ids, storage, credentials, output }: View): Form {
  return {
    name,
    project: events === null ? "" : String(events.project_id),
    organization: merged_ids === null ? "" : String(merged_ids.org_id),
    storage: { account_url: storage.account_url ?? "", container: storage.container, prefix: storage.prefix },
    credentials: {
      type: credentials.type,
      tenant_id: credentials.tenant_id ?? "",
      client_id: credentials.client_id ?? "",
      secret: "",
    },
    output,
  };
}

/** What the form changes, and nothing else: the filter, for example, may be changed in another tab. */
function changesOf(form: Form, stored: Form, destination: View): Partial<Model> {
  const filter = (destination.events?.filter ?? null) as Schemas["FilterNode"] | null;
  const project = sourceId(form.project);
  const organization = sourceId(form.organization);
  const all: Record<keyof Form, Partial<Model>> = {
    name: { name: form.name.trim() },
    project: { events: project === null ? null : { project_id: project, filter } },
    organization: { merged_ids: organization === null ? null : { org_id: organization } },
    storage: { storage: storageModel(form.storage) },
    credentials: { credentials: credentialsModel(form.credentials) },
    output: { output: form.output },
  };
  const keys = Object.keys(all) as (keyof Form)[];
  const changed = keys.filter((key) => JSON.stringify(form[key]) !== JSON.stringify(stored[key]));
  return Object.assign({}, ...changed.map((key) => all[key])) as Partial<Model>;
}

interface Refused {
  message: string;
  errors: Errors;
  steps: Schemas["StepView"][] | null;
}

const ACCEPTED: Refused = { message: "", errors: [], steps: null };

export function ConfigurationTab({ destination, reload }: TabProps) {
  const { id, status } = destination;
  const [stored, setStored] = useState(() => formOf(destination));
  const [form, setForm] = useState(stored);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Refused>(ACCEPTED);
  const [deleting, setDeleting] = useState(false);
  const info = useResource("status", (signal) => send("get", "/status", { signal }));
  const set = (changes: Partial<Form>): void => {
    setForm({ ...form, ...changes });
    setRefused({ ...refused, steps: null, message: "" });
  };
  const changed = JSON.stringify(form) !== JSON.stringify(stored);
  const wrong = [form.project, form.organization].some((each) => each.trim() !== "" && sourceId(each) === null);

  const save = async (force: boolean): Promise<void> => {
    setBusy(true);
    setRefused(ACCEPTED);
    try {
      const saved = formOf(await change(id, changesOf(form, stored, destination), force));
      setStored(saved);
      setForm(saved);
      say(`Saved. ${destination.status === "failing" ? "The next tick tries it again." : "It applies from the next hour on."}`);
      reload();
    } catch (error) {
      const { errors = [], steps = null } = error instanceof Problem ? error.rest : {};
      setRefused({ message: error instanceof Error ? error.message : String(error), errors, steps });
    }
    setBusy(false);
  };

  return (
    <>
      <form
        class="form wide sections"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save(false);
        }}
      >
        <section aria-labelledby="data">
          <h2 id="data">Data</h2>
          <div class="field-grid">
            <Field label="Name" name="name" value={form.name} errors={refused.errors} onChange={(name) => set({ name })} />
            <Field
              label="Project"
              name="events.project_id"
              value={form.project}
              errors={refused.errors}
              optional
              hint="Its events are exported. Another one begins with the day of the change."
              onChange={(project) => set({ project })}
            />
            <Field
              label="Organization"
              name="merged_ids.org_id"
              value={form.organization}
              errors={refused.errors}
              optional
              hint="Its merged ids are exported."
              onChange={(organization) => set({ organization })}
            />
          </div>
        </section>
        <section aria-labelledby="credentials">
          <h2 id="credentials">Credentials</h2>
          <div class="form">
            <CredentialsFields
              value={form.credentials}
              onChange={(credentials) => set({ credentials })}
              errors={refused.errors}
              storage={form.storage}
              stored={destination.credentials.type}
            />
          </div>
        </section>
        <section aria-labelledby="container">
          <h2 id="container">Container</h2>
          <div class="form">
            <ContainerFields
              value={form.storage}
              onChange={(storage) => set({ storage })}
              errors={refused.errors}
              credentials={form.credentials}
              addresses={info.data?.outbound_addresses ?? null}
            />
          </div>
        </section>
        <section aria-labelledby="files">
          <h2 id="files">Files</h2>
          <OutputFields value={form.output} onChange={(output) => set({ output })} errors={refused.errors} />
        </section>
        {refused.message !== "" && (
          <p class="error" role="alert">
            {refused.message}
          </p>
        )}
        {refused.steps && <Steps steps={refused.steps} />}
        <div class="form-foot">
          <button type="submit" class="primary" disabled={busy || !changed || wrong}>
            {busy ? "Saving…" : "Save"}
          </button>
          {refused.steps && (
            <button type="button" disabled={busy} onClick={() => void save(true)}>
              Save without a test
            </button>
          )}
          <span class="quiet">
            {changed
              ? `Exported hours stay as they are.${status === "active" || status === "failing" ? " New credentials or another container are tested first." : ""}`
              : "Everything is as it is stored."}
          </span>
        </div>
      </form>
      <section class="ending" aria-labelledby="ending">
        <h2 id="ending">Delete the destination</h2>
        <p class="quiet">Stops its exports and deletes its secret. Its files stay in the container, and its hours can still be listed.</p>
        <button type="button" onClick={() => setDeleting(true)}>
          Delete…
        </button>
      </section>
      {deleting && (
        <Confirm
          title={`Delete ${destination.name}?`}
          verb="Delete"
          dangerous
          action={async () => {
            await send("delete", "/destinations/{id}", { path: { id } });
            say("Deleted. Its files stay in the container.");
            go("#/");
          }}
          onClose={() => setDeleting(false)}
        >
          <p>No further hour is exported, and the secret is deleted. The files that are in the container stay there.</p>
        </Confirm>
      )}
    </>
  );
}
