// Is the timer alive? What the last tick says about it, in a word.

import type { Schemas } from "./api/client";
import { plural } from "./format";

type Status = Schemas["StatusView"];

/** The alert of the exporter's templates fires after this time without a tick. */
const SILENT_MINUTES_MAX = 15;

export interface TickState {
  tone: "good" | "bad" | "warn";
  text: string;
  /** When the last tick was; null if that is not known. */
  at: string | null;
}

export function tickState({ at, storage_reached: reached, last_tick: tick }: Pick<Status, "at" | "storage_reached" | "last_tick">): TickState {
  if (!reached) return { tone: "bad", text: "storage not reached", at: null };
  if (tick === null) return { tone: "warn", text: "no tick yet", at: null };
  if ((Date.parse(at) - Date.parse(tick.at)) / 60_000 > SILENT_MINUTES_MAX) return { tone: "warn", text: "silent", at: tick.at };
  if (tick.failed_parts > 0) return { tone: "bad", text: `ticked with ${plural(tick.failed_parts, "error")}`, at: tick.at };
  return { tone: "good", text: "ticking", at: tick.at };
}
