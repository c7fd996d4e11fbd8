// The settings of a source: of a new one, and of one that is stored. And its end.

import { useState } from "preact/hooks";

import { refusalOf, type Schemas, send } from "../api/client";
import { Confirm } from "../parts/confirm";
import { Choice, Field } from "../parts/field";
import type { Errors } from "../parts/filter-builder";
import { HourField } from "../parts/hour-field";
import { Icon } from "../parts/icons";
import { say } from "../parts/toast";
import { Title } from "../parts/title";
import { emptySource, formOf, modelOf, type SourceForm } from "../source-model";
import { go, href } from "../router";
import type { SourceTabProps } from "./source";

type View = Schemas["SourceView"];

interface FormProps {
  stored: SourceForm;
  /** Whether a secret key and an id are stored. */
  isNew: boolean;
  save: (form: SourceForm) => Promise<void>;
}

function Form({ stored, isNew, save }: FormProps) {
  const [form, setForm] = useState(stored);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<{ message: string; errors: Errors }>({ message: "", errors: [] });
  const { errors } = refused;
  const set = (changes: Partial<SourceForm>): void => setForm({ ...form, ...changes });
  const text = (name: keyof SourceForm) => ({
    name,
    errors,
    value: form[name],
    onChange: (typed: string) => set({ [name]: typed }),
  });
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setRefused({ message: "", errors: [] });
    try {
      await save(form);
    } catch (error) {
      setRefused(refusalOf(error));
    }
    setBusy(false);
  };
  const needed = [form.id, form.project_id, form.api_key, ...(isNew ? [form.secret_key] : [])];
  return (
    <form class="form wide" noValidate onSubmit={(event) => void submit(event)}>
      <div class="field-grid">
        {isNew && <Field label="Id" hint="Of a-z, 0-9 and hyphens. It stays as it is." placeholder="acme" {...text("id")} />}
        {isNew && <Field label="Project" hint="Its number. It stays as it is." placeholder="187520" {...text("project_id")} />}
        <Choice
          label="Region"
          value={form.region}
          choices={[
            ["us", "United States: amplitude.com"],
            ["eu", "European Union: analytics.eu.amplitude.com"],
          ]}
          onChange={(region) => set({ region })}
        />
        <Field label="API key" {...text("api_key")} />
        <Field
          label="Secret key"
          type="password"
          optional={!isNew}
          hint={isNew ? "It is stored encrypted, and never shown." : "Empty: the stored one stays."}
          {...text("secret_key")}
        />
        <Field
          label="Another address of the API"
          optional
          placeholder="https://proxy.example.com"
          hint="Its host must be in the setting PULL_HOSTS."
          {...text("base_url")}
        />
        <div class="field">
          <HourField label="Start" value={form.start} onChange={(start) => set({ start })} />
          <div class="hint">
            {errors
              .filter(({ field }) => field === "start")
              .map(({ message }) => (
                <p key={message} class="error">
                  Start {message}
                </p>
              ))}
            <p class="quiet">The first hour to pull. {isNew && "Empty: 00:00 UTC of today."}</p>
          </div>
        </div>
        <Field
          label="Minutes until an hour is due"
          type="number"
          min="60"
          max="1440"
          hint="After its end. The Export API says that two hours are enough: 120."
          {...text("lag_minutes")}
        />
        <Field
          label="Pull again after so many hours"
          optional
          hint="After an hour was pulled, with commas: 24, 72. Rows may come late."
          {...text("repull_hours")}
        />
      </div>
      {refused.message !== "" && (
        <p class="error" role="alert">
          {refused.message}
        </p>
      )}
      <div class="form-foot">
        <button type="submit" class="primary" disabled={busy || needed.some((each) => each.trim() === "")}>
          {busy ? "Saving…" : isNew ? "Create the source" : "Save"}
        </button>
      </div>
    </form>
  );
}

export function NewSource() {
  return (
    <>
      <a class="back" href="#/sources">
        <Icon name="left" size={14} /> Sources
      </a>
      <div class="page-head">
        <Title text="New source" />
      </div>
      <p class="quiet lead">
        Pulls the events of a project from the Export API of Amplitude. Both keys are there under Settings, Projects, the project,
        General. Merged ids are not in that API.
      </p>
      <Form
        stored={emptySource()}
        isNew
        save={async (form) => {
          const id = form.id.trim();
          await send("put", "/sources/{id}", { path: { id }, body: modelOf(form), headers: { "If-None-Match": "*" } });
          say("The source is created. Test it now.");
          go(href(`/sources/${id}`));
        }}
      />
    </>
  );
}

export function SourceConfiguration({ source, reload }: SourceTabProps) {
  const { id } = source;
  const [deleting, setDeleting] = useState(false);
  // A form is as it was typed: what others save in the meantime does not change it.
  const [stored, setStored] = useState(() => formOf(source));
  const [turn, setTurn] = useState(0);
  return (
    <>
      <Form
        key={turn}
        stored={stored}
        isNew={false}
        save={async (form) => {
          const saved = await send("put", "/sources/{id}", { path: { id }, body: modelOf(form), headers: { "If-Match": "*" } });
          setStored(formOf(saved.body as View));
          setTurn(turn + 1);
          say("Saved.");
          reload();
        }}
      />
      <section class="ending" aria-labelledby="ending">
        <h2 id="ending">Delete the source</h2>
        <p class="quiet">Pulls nothing more and deletes the secret key. What has landed stays, and its hours can still be listed.</p>
        <button type="button" onClick={() => setDeleting(true)}>
          Delete…
        </button>
      </section>
      {deleting && (
        <Confirm
          title={`Delete ${id}?`}
          verb="Delete"
          dangerous
          action={async () => {
            await send("delete", "/sources/{id}", { path: { id } });
            say("Deleted. What has landed stays.");
            go("#/sources");
          }}
          onClose={() => setDeleting(false)}
        >
          <p>
            Nothing more is pulled, and the secret key is deleted. From then on, the hours of project {source.project_id} are closed
            by the clock.
          </p>
        </Confirm>
      )}
    </>
  );
}
