// The webhook of a destination: where its notifications go, and a test call.

import { useState } from "preact/hooks";

import { post, refusalOf, type Schemas } from "../api/client";
import { change } from "../edit";
import { Field } from "../parts/field";
import type { Errors } from "../parts/filter-builder";
import { Icon } from "../parts/icons";
import { say } from "../parts/toast";
import type { TabProps } from "../tabs";

const SECRET_CHARACTERS_MIN = 16;

export function NotificationsTab({ destination, reload }: TabProps) {
  const { id, notify } = destination;
  const [url, setUrl] = useState(notify?.url ?? "");
  const [secret, setSecret] = useState("");
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<{ message: string; errors: Errors }>({ message: "", errors: [] });
  const [result, setResult] = useState<Schemas["WebhookTestView"] | null>(null);

  const attempt = async (action: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setResult(null);
    setRefused({ message: "", errors: [] });
    try {
      await action();
    } catch (error) {
      setRefused(refusalOf(error));
    }
    setBusy(false);
  };
  const save = (changed: { url: string; secret?: string } | null): Promise<void> =>
    attempt(async () => {
      await change(id, { notify: changed });
      setSecret("");
      if (changed === null) setUrl("");
      say(changed === null ? "The webhook is removed." : "The webhook is saved.");
      reload();
    });
  const same = url.trim() === (notify?.url ?? "");
  return (
    <section aria-labelledby="webhook">
      <h2 id="webhook">Webhook</h2>
      <form
        class="form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save({ url: url.trim(), ...(secret !== "" && { secret }) });
        }}
      >
        <p class="quiet">
          Gets a signed call when an hour is exported, when the storage of the customer begins to refuse and when it accepts
          files again, and when a backfill ends.
        </p>
        <Field
          label="URL"
          name="notify.url"
          value={url}
          errors={refused.errors}
          placeholder="https://hooks.example.com/exports"
          hint="Its host must be in the setting NOTIFY_HOSTS."
          onChange={setUrl}
        />
        <Field
          label="Secret"
          name="notify.secret"
          type="password"
          value={secret}
          errors={refused.errors}
          optional={notify !== null && same}
          hint={`Signs the calls: at least ${SECRET_CHARACTERS_MIN} characters.${notify !== null && same ? " Empty: the stored one stays." : ""}`}
          onChange={setSecret}
        />
        {refused.message !== "" && (
          <p class="error" role="alert">
            {refused.message}
          </p>
        )}
        <div class="form-foot">
          <button type="submit" class="primary" disabled={busy || url.trim() === "" || (same && secret === "")}>
            Save
          </button>
          {notify !== null && (
            <>
              <button
                type="button"
                disabled={busy || !same}
                onClick={() =>
                  void attempt(async () => setResult(await post("/destinations/{id}/notify/test", { path: { id } })))
                }
              >
                {busy ? "Working…" : "Send a test call"}
              </button>
              <button type="button" disabled={busy} onClick={() => void save(null)}>
                Remove the webhook
              </button>
            </>
          )}
        </div>
        <p role="status">
          {result !== null && (
            <span class={result.ok ? "row" : "row error"}>
              <Icon name={result.ok ? "check" : "cross"} />
              {result.ok ? `The webhook answered with status ${result.status}.` : `The test call failed: ${result.message}.`}
            </span>
          )}
        </p>
      </form>
    </section>
  );
}
