// The steps of a test: of a test upload, or of the test of a source.

import type { Schemas } from "../api/client";
import { FaultNote } from "./fix";
import { Icon, type IconName } from "./icons";

type Step = Schemas["StepView"];

const TITLES: Record<string, string> = {
  sign_in: "Sign in",
  write: "Write a small blob",
  read: "Read it",
  list: "List the container",
  delete: "Delete it",
  project: "Find rows of the project",
  export: "Get an export of an hour",
};
const ICONS: Record<string, IconName> = { passed: "check", failed: "cross", skipped: "dash" };
export const UPLOAD_STEPS = ["sign_in", "write", "read", "list", "delete"];
export const PULL_STEPS = ["sign_in", "project", "export"];

/** Show how each step ended; without a report, the steps to come. */
export function Steps({ steps, names = UPLOAD_STEPS }: { steps: Step[] | null; names?: string[] }) {
  const shown: Step[] =
    steps ?? names.map((step) => ({ step, status: "waiting", code: null, message: null, fix: null }));
  return (
    <ol class="steps" aria-busy={steps === null}>
      {shown.map(({ step, status, code, message, fix }) => (
        <li key={step} class={status}>
          <span class="step-mark">
            <Icon name={ICONS[status] ?? "clock"} size={14} />
          </span>
          <div class="step-text">
            <span>{TITLES[step] ?? step}</span> <span class="quiet">{status}</span>
            {code !== null && <FaultNote fault={{ code, message: message ?? "", fix: fix ?? "" }} />}
          </div>
        </li>
      ))}
    </ol>
  );
}
