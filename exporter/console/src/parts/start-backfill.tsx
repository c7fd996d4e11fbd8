// The dialog that starts a backfill. It shows what the backfill would replace before it starts.

import { useEffect, useMemo, useState } from "preact/hooks";

import { type DataType, newKey, post, Problem, type Schemas } from "../api/client";
import { bytes, count, hourShort, NAMES, plural } from "../format";
import { go, href } from "../router";
import { Dialog } from "./confirm";
import type { Range } from "./heatmap";
import { HourField } from "./hour-field";
import { say } from "./toast";

const TYPING_MILLISECONDS = 400;

interface StartBackfillProps {
  destination: Schemas["DestinationView"];
  range: Range;
  types: DataType[];
  onClose: () => void;
}

export function StartBackfill({ destination, range, types, onClose }: StartBackfillProps) {
  const { id } = destination;
  const possible = (["events", "merged_ids"] as const).filter((each) => destination[each] !== null);
  const [start, setStart] = useState(range.first);
  const [end, setEnd] = useState(range.last);
  const [chosen, setChosen] = useState<DataType[]>(types);
  const [loss, setLoss] = useState(false);
  const [plan, setPlan] = useState<Schemas["PlannedBackfillView"] | null>(null);
  const [problem, setProblem] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);

  const body = { start, end, data_types: chosen, allow_loss: loss };
  // The same request twice, such as after a lost answer, starts one backfill.
  const once = useMemo(() => newKey(), [start, end, chosen.join(), loss]);
  const complete = start.length === 13 && end.length === 13 && chosen.length > 0;

  useEffect(() => {
    setPlan(null);
    setProblem(null);
    if (!complete) return undefined;
    const ended = new AbortController();
    const timer = setTimeout(() => {
      post("/destinations/{id}/backfills", { path: { id }, query: { dry_run: "true" }, body, signal: ended.signal })
        .then((found) => setPlan("exported_hours" in found ? found : null))
        .catch((error: unknown) => {
          if (!ended.signal.aborted && error instanceof Error) setProblem(error);
        });
    }, TYPING_MILLISECONDS);
    return () => {
      clearTimeout(timer);
      ended.abort();
    };
  }, [start, end, chosen.join(), loss]);

  const begin = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      const made = await post("/destinations/{id}/backfills", { path: { id }, body, headers: { "Idempotency-Key": once } });
      onClose();
      if ("id" in made) go(href(`/destinations/${id}/backfills/${made.id}`));
      say("The backfill is started.");
    } catch (error) {
      setProblem(error instanceof Error ? error : new Error(String(error)));
      setBusy(false);
    }
  };

  return (
    <Dialog title="Start a backfill" onClose={onClose}>
      <form onSubmit={(event) => void begin(event)}>
        <div class="dialog-body">
          <p class="quiet">
            Exports past hours again. Each hour replaces its files: readers see its completion marker go and come back.
          </p>
          <HourField label="From" value={start} onChange={setStart} />
          <HourField label="To, included" value={end} onChange={setEnd} />
          {possible.length > 1 && (
            <fieldset class="row">
              <legend class="hidden">Data types</legend>
              {possible.map((each) => (
                <label key={each} class="check">
                  <input
                    type="checkbox"
                    checked={chosen.includes(each)}
                    onChange={() =>
                      setChosen(possible.filter((type) => (type === each) !== chosen.includes(type)))
                    }
                  />
                  {NAMES[each]}
                </label>
              ))}
            </fieldset>
          )}
          <div class="plan" role="status">
            {problem !== null ? (
              <Wrong problem={problem} />
            ) : plan === null ? (
              <span class="quiet">{complete ? "Counting the hours…" : "Choose what to export again."}</span>
            ) : (
              <Plan of={plan} />
            )}
          </div>
          <details>
            <summary>Landing no longer holds all of it?</summary>
            <label class="check">
              <input type="checkbox" checked={loss} onChange={(event) => setLoss(event.currentTarget.checked)} />
              Replace an hour even by fewer rows
            </label>
            <p class="quiet">Otherwise such an hour stays as it is, and the backfill says so.</p>
          </details>
        </div>
        <footer class="dialog-foot">
          <button type="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" class={loss ? "danger" : "primary"} disabled={busy || plan === null}>
            {plan === null ? "Start" : `Export ${plural(plan.hours, "hour")} again`}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

function Plan({ of: plan }: { of: Schemas["PlannedBackfillView"] }) {
  return (
    <>
      <p>
        <strong>{plural(plan.hours, "hour")}</strong>
        {plan.data_types.length > 1 && " (each data type counted)"}.{" "}
        {plan.exported_hours === 0
          ? "None of them is exported now."
          : `${count(plan.exported_hours)} ${plan.complete ? "" : "or more "}of them are exported now: ${plural(plan.rows, "row")}, ${bytes(plan.bytes)} are replaced.`}
      </p>
      {plan.clamped_from && <p class="quiet">Begins with {hourShort(plan.clamped_from)}: nothing had landed before.</p>}
      {plan.clamped_to && <p class="quiet">Ends with {hourShort(plan.clamped_to)}: later hours are not closed yet.</p>}
    </>
  );
}

function Wrong({ problem }: { problem: Error }) {
  const errors = problem instanceof Problem ? (problem.rest.errors ?? []) : [];
  return (
    <div class="error">
      {errors.length === 0 ? (
        <p>{problem.message}</p>
      ) : (
        errors.map(({ field, message }) => (
          <p key={field}>
            {{ start: "From", end: "To" }[field] ?? field} {message}
          </p>
        ))
      )}
    </div>
  );
}
