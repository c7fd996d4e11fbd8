// The key of the API, asked for only if the API asks.

import { useId, useState } from "preact/hooks";

import { accepts } from "../api/client";
import { Command } from "../parts/fix";
import { Title } from "../parts/title";
import { signIn } from "../session";

const MAKE_A_KEY =
  "az functionapp keys set --name APP --resource-group GROUP --key-type functionKeys --key-name console";

export function SignIn() {
  const [key, setKey] = useState("");
  const [keep, setKeep] = useState(false);
  const [shown, setShown] = useState("");
  const [busy, setBusy] = useState(false);
  const ids = { key: useId(), keep: useId(), error: useId() };

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setShown("");
    try {
      if (await accepts(key)) {
        signIn(key, keep);
        return;
      }
      setShown("The app does not accept this key.");
    } catch (error) {
      setShown(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
    document.getElementById(ids.key)?.focus();
  };

  return (
    <div class="sign-in">
      <Title text="Sign in" />
      <form onSubmit={(event) => void submit(event)}>
        <label for={ids.key}>Function key</label>
        <input
          id={ids.key}
          type="password"
          required
          autocomplete="off"
          spellcheck={false}
          value={key}
          aria-invalid={shown !== ""}
          aria-describedby={shown === "" ? undefined : ids.error}
          onInput={(event) => setKey(event.currentTarget.value.trim())}
        />
        {shown !== "" && (
          <p id={ids.error} class="error" role="alert">
            {shown}
          </p>
        )}
        <label class="check" for={ids.keep}>
          <input
            id={ids.keep}
            type="checkbox"
            checked={keep}
            onChange={(event) => setKeep(event.currentTarget.checked)}
          />
          Keep it until this tab is closed
        </label>
        <button type="submit" class="primary" disabled={busy || key === ""}>
          {busy ? "Checking…" : "Sign in"}
        </button>
      </form>
      <details>
        <summary>How do I get a key?</summary>
        <p>
          An operator makes one for people, which can be revoked alone. The command prints it; APP and GROUP are the
          names of the function app and its resource group.
        </p>
        <Command text={MAKE_A_KEY} />
        <p class="quiet">The key stays in this tab, is sent to this app only, and is never part of an address.</p>
      </details>
    </div>
  );
}
