// The dialog that tests a destination or a source, and shows how each step ended.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

import { Problem, type Schemas } from "../api/client";
import { Dialog } from "./confirm";
import { Steps } from "./steps";

interface TestDialogProps {
  title: string;
  /** The names of the steps, before they are known to have ended. */
  steps: string[];
  /** What is said if every step has passed. */
  passed: string;
  /** Run the test, and return its steps; null closes the dialog: what follows the test is done, too. */
  run: (signal: AbortSignal) => Promise<Schemas["StepView"][] | null>;
  onClose: () => void;
  /** It ended, well or not: something may have changed. */
  onDone: () => void;
  /** What the test does. */
  children: ComponentChildren;
}

export function TestDialog({ title, steps: names, passed, run, onClose, onDone, children }: TestDialogProps) {
  const [steps, setSteps] = useState<Schemas["StepView"][] | null>(null);
  const [failed, setFailed] = useState("");
  const [turn, setTurn] = useState(0);

  useEffect(() => {
    const ended = new AbortController();
    const test = async (): Promise<void> => {
      setSteps(null);
      setFailed("");
      try {
        const found = await run(ended.signal);
        if (found === null) onClose();
        else setSteps(found);
      } catch (error) {
        if (ended.signal.aborted) return;
        if (error instanceof Problem && error.rest.steps) setSteps(error.rest.steps);
        else setFailed(error instanceof Error ? error.message : String(error));
      }
      onDone();
    };
    void test();
    return () => ended.abort();
  }, [turn]);

  const ok = steps?.every(({ status }) => status === "passed");
  return (
    <Dialog title={title} onClose={onClose} wide>
      <div class="dialog-body">
        <p class="quiet">{children} The steps are answered together, when the last one has ended.</p>
        {failed === "" ? (
          <Steps steps={steps} names={names} />
        ) : (
          <p class="error" role="alert">
            {failed}
          </p>
        )}
        <p role="status">{steps !== null && (ok ? passed : "The test failed.")}</p>
      </div>
      <footer class="dialog-foot">
        <button type="button" onClick={onClose}>
          Close
        </button>
        <button
          type="button"
          class="primary"
          disabled={steps === null && failed === ""}
          onClick={() => setTurn(turn + 1)}
        >
          Try again
        </button>
      </footer>
    </Dialog>
  );
}
