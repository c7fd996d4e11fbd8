// States with a picture and a word each: colour is never alone.

import { Icon, type IconName } from "./icons";

type Tone = "good" | "bad" | "warn" | "busy" | "calm";

const LOOKS: Record<string, { tone: Tone; icon: IconName }> = {
  active: { tone: "good", icon: "check" },
  failing: { tone: "bad", icon: "cross" },
  paused: { tone: "calm", icon: "pause" },
  draft: { tone: "calm", icon: "draft" },
  exported: { tone: "good", icon: "check" },
  empty: { tone: "calm", icon: "dash" },
  owed: { tone: "warn", icon: "clock" },
  running: { tone: "busy", icon: "again" },
  failed: { tone: "bad", icon: "cross" },
  queued: { tone: "busy", icon: "clock" },
  succeeded: { tone: "good", icon: "check" },
  cancelled: { tone: "calm", icon: "dash" },
  deleted: { tone: "calm", icon: "dash" },
  pulled: { tone: "good", icon: "check" },
  pulling: { tone: "busy", icon: "again" },
  waiting: { tone: "calm", icon: "clock" },
};

/** The status of a destination, an hour or a job as a badge. */
export function Status({ of, label = of }: { of: string; label?: string }) {
  const { tone, icon } = LOOKS[of] ?? { tone: "calm", icon: "dash" };
  return (
    <span class={`badge ${tone}`}>
      <Icon name={icon} size={14} />
      {label}
    </span>
  );
}
