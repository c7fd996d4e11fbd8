// Dialogs: the browser's own, which keeps the focus inside, closes with Escape, and gives the focus back.

import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import { Icon } from "./icons";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  wide?: boolean;
}

/** A modal dialog, open as long as it is rendered. */
export function Dialog({ title, onClose, children, wide = false }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useLayoutEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement || before instanceof SVGElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      class={wide ? "wide" : ""}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onKeyDown={(event) => event.stopPropagation()}
    >
      <header class="dialog-head">
        <h2 id={titleId}>{title}</h2>
        <button type="button" class="bare" aria-label="Close" onClick={onClose}>
          <Icon name="cross" />
        </button>
      </header>
      {children}
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  /** What happens, in a sentence or two. */
  children: ComponentChildren;
  /** The verb on the button: not "OK". */
  verb: string;
  dangerous?: boolean;
  /** Does it. The dialog stays open with the message of an error. */
  action: () => Promise<void>;
  onClose: () => void;
}

/** Ask once before something that cannot be taken back. */
export function Confirm({ title, children, verb, dangerous = false, action, onClose }: ConfirmProps) {
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState("");
  const act = async (): Promise<void> => {
    setBusy(true);
    setFailed("");
    try {
      await action();
      onClose();
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="dialog-body">
        {children}
        {failed !== "" && (
          <p class="error" role="alert">
            {failed}
          </p>
        )}
      </div>
      <footer class="dialog-foot">
        <button type="button" onClick={onClose}>
          Close
        </button>
        <button type="button" class={dangerous ? "danger" : "primary"} disabled={busy} onClick={() => void act()}>
          {busy ? "Working…" : verb}
        </button>
      </footer>
    </Dialog>
  );
}
