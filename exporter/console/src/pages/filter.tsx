// The filter of a destination: a builder with the preview of the newest hour beside it.

import { useState } from "preact/hooks";

import { Problem } from "../api/client";
import { change } from "../edit";
import { useFields } from "../fields";
import { fromJson, isComplete, type Item, toJson } from "../filter";
import { type Errors, FilterBuilder } from "../parts/filter-builder";
import { FilterPreview, usePreview } from "../parts/filter-preview";
import { say } from "../parts/toast";
import { Nothing } from "../parts/trouble";
import type { TabProps } from "../tabs";

export function FilterTab({ destination, reload }: TabProps) {
  const { id, events } = destination;
  const stored = events?.filter ?? null;
  const [filter, setFilter] = useState<Item | null>(() => (stored === null ? null : fromJson(stored)));
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<{ message: string; errors: Errors }>({ message: "", errors: [] });
  const fields = useFields();
  const preview = usePreview(events?.project_id ?? null, filter);
  if (events === null) {
    return (
      <Nothing title="This destination has no events">
        <p>Merged ids are never filtered.</p>
      </Nothing>
    );
  }
  const document = filter === null ? null : toJson(filter);
  const unchanged = JSON.stringify(document) === JSON.stringify(stored);
  const save = async (): Promise<void> => {
    setBusy(true);
    setFailed({ message: "", errors: [] });
    try {
      await change(id, { events: { project_id: events.project_id, filter: document as never } });
      say("The filter is saved. It applies from the next hour on.");
      reload();
    } catch (error) {
      const errors = error instanceof Problem ? (error.rest.errors ?? []) : [];
      setFailed({ message: error instanceof Error ? error.message : String(error), errors });
    }
    setBusy(false);
  };
  const errors = failed.errors.length > 0 ? failed.errors : preview.errors;
  return (
    <div class="two-columns">
      <section aria-labelledby="filter">
        <h2 id="filter">Which events are exported</h2>
        <FilterBuilder
          value={filter}
          onChange={(changed) => {
            setFilter(changed);
            setFailed({ message: "", errors: [] });
          }}
          seen={preview.found?.properties ?? []}
          fields={fields}
          errors={errors}
          place={failed.errors.length > 0 ? "events.filter" : "filter"}
        />
        <div class="form-foot">
          <button
            type="button"
            class="primary"
            disabled={busy || unchanged || (filter !== null && !isComplete(filter))}
            onClick={() => void save()}
          >
            {busy ? "Saving…" : "Save the filter"}
          </button>
          <span class="quiet">
            {unchanged ? "The filter is as it is stored." : "Exported hours stay as they are; a backfill exports them again."}
          </span>
        </div>
        {failed.message !== "" && (
          <p class="error" role="alert">
            {failed.message}
          </p>
        )}
      </section>
      <FilterPreview of={preview} filter={filter} />
    </div>
  );
}
