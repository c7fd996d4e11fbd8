// The dialog that asks for hours of a source again.

import { useState } from "preact/hooks";

import { post, refusalOf } from "../api/client";
import { plural } from "../format";
import { hoursBetween } from "../hours";
import { go, href } from "../router";
import { Dialog } from "./confirm";
import type { Range } from "./heatmap";
import { HourField } from "./hour-field";
import { say } from "./toast";

export function StartPull({ id, range, onClose }: { id: string; range: Range; onClose: () => void }) {
  const [start, setStart] = useState(range.first);
  const [end, setEnd] = useState(range.last);
  const [failed, setFailed] = useState<string[]>([]);
  const [busy, setBusy] = useState(false);
  const hours = start.length === 13 && end.length === 13 ? hoursBetween(start, end) : 0;

  const begin = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      const pull = await post("/sources/{id}/pulls", { path: { id }, body: { start, end } });
      onClose();
      go(href(`/sources/${id}/pulls/${pull.id}`));
      say("Asked for. The next tick begins.");
    } catch (error) {
      const { message, errors } = refusalOf(error);
      const names: Record<string, string> = { start: "From", end: "To" };
      setFailed(errors.length === 0 ? [message] : errors.map((each) => `${names[each.field] ?? each.field} ${each.message}`));
      setBusy(false);
    }
  };
  const change = (set: (hour: string) => void) => (hour: string) => {
    setFailed([]);
    set(hour);
  };

  return (
    <Dialog title="Pull hours again" onClose={onClose}>
      <form onSubmit={(event) => void begin(event)}>
        <div class="dialog-body">
          <p class="quiet">
            Asks the API for each of these hours. Only rows that landing lacks are added; destinations get them as late rows.
          </p>
          <HourField label="From" value={start} onChange={change(setStart)} />
          <HourField label="To, included" value={end} onChange={change(setEnd)} />
          {failed.length > 0 && (
            <div class="error" role="alert">
              {failed.map((each) => (
                <p key={each}>{each}</p>
              ))}
            </div>
          )}
        </div>
        <footer class="dialog-foot">
          <button type="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" class="primary" disabled={busy || hours < 1}>
            {hours < 1 ? "Pull again" : `Pull ${plural(hours, "hour")} again`}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
