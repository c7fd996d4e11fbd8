// The test upload of a saved destination; with ``activate``, the exports start if it passes.

import { useEffect, useState } from "preact/hooks";

import { post, Problem, type Schemas } from "../api/client";
import { Dialog } from "./confirm";
import { Steps } from "./steps";
import { say } from "./toast";

interface TestUploadProps {
  id: string;
  activate: boolean;
  onClose: () => void;
  /** It ended, well or not: something about the destination may have changed. */
  onDone: () => void;
}

export function TestUpload({ id, activate, onClose, onDone }: TestUploadProps) {
  const [steps, setSteps] = useState<Schemas["StepView"][] | null>(null);
  const [failed, setFailed] = useState("");
  const [turn, setTurn] = useState(0);

  useEffect(() => {
    const ended = new AbortController();
    const test = async (): Promise<void> => {
      setSteps(null);
      setFailed("");
      try {
        if (activate) {
          await post("/destinations/{id}/activate", { path: { id }, signal: ended.signal });
          say("Active. The next tick queues the owed hours.");
          onClose();
        } else {
          setSteps((await post("/destinations/{id}/test-upload", { path: { id }, signal: ended.signal })).steps);
        }
      } catch (error) {
        if (ended.signal.aborted) return;
        if (error instanceof Problem && error.rest.steps) setSteps(error.rest.steps);
        else setFailed(error instanceof Error ? error.message : String(error));
      }
      onDone();
    };
    void test();
    return () => ended.abort();
  }, [id, activate, turn]);

  const ok = steps?.every(({ status }) => status === "passed");
  return (
    <Dialog title={activate ? "Activate" : "Test upload"} onClose={onClose} wide>
      <div class="dialog-body">
        <p class="quiet">
          Writes, reads, lists and deletes a small blob below <code>_export_test</code>.
          {activate && " If all of it works, the exports start."}
        </p>
        {failed === "" ? (
          <Steps steps={steps} />
        ) : (
          <p class="error" role="alert">
            {failed}
          </p>
        )}
        <p role="status">{steps !== null && (ok ? "The container is ready." : "The test upload failed.")}</p>
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
