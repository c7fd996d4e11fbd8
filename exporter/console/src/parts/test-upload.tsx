// The test upload of a saved destination; with ``activate``, the exports start if it passes.

import { post } from "../api/client";
import { UPLOAD_STEPS } from "./steps";
import { TestDialog } from "./test-dialog";
import { say } from "./toast";

interface TestUploadProps {
  id: string;
  activate: boolean;
  onClose: () => void;
  /** It ended, well or not: something about the destination may have changed. */
  onDone: () => void;
}

export function TestUpload({ id, activate, onClose, onDone }: TestUploadProps) {
  const path = { id };
  return (
    <TestDialog
      title={activate ? "Activate" : "Test upload"}
      steps={UPLOAD_STEPS}
      passed="The container is ready."
      run={async (signal) => {
        if (!activate) return (await post("/destinations/{id}/test-upload", { path, signal })).steps;
        await post("/destinations/{id}/activate", { path, signal });
        say("Active. The next tick queues the owed hours.");
        return null;
      }}
      onClose={onClose}
      onDone={onDone}
    >
      Writes, reads, lists and deletes a small blob below <code>_export_test</code>.
      {activate && " If all of it works, the exports start."}
    </TestDialog>
  );
}
