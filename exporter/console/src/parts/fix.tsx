// An error with what to do about it. Commands can be copied.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

import type { Fault } from "../api/client";
import { Icon } from "./icons";

/** A button that copies a text, and says so for a moment. */
export function Copy({ text, label = "Copy", bare = false }: { text: string; label?: string; bare?: boolean }) {
  const [done, setDone] = useState<"" | "Copied" | "Not copied">("");
  useEffect(() => {
    if (done === "") return undefined;
    const timer = setTimeout(() => setDone(""), 2000);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setDone("Copied");
    } catch {
      setDone("Not copied");
    }
  };
  return (
    <button type="button" class={bare ? "bare copy" : "small copy"} onClick={() => void copy()}>
      <Icon name={done === "Copied" ? "check" : "copy"} size={14} />
      <span aria-live="polite">{done || label}</span>
    </button>
  );
}

/** A command to run, with a button that copies it. */
export function Command({ text }: { text: string }) {
  return (
    <div class="command">
      <code tabIndex={0} role="group" aria-label="Command">
        {text}
      </code>
      <Copy text={text} />
    </div>
  );
}

// Up to the end of its sentence: a dot within a name is followed by something.
const COMMAND = /\baz [a-z].*?(?=[.,;](?:\s|$)|$)/;

/** Return the command of Azure's tool in a fix, or null. */
export function commandIn(fix: string): string | null {
  return COMMAND.exec(fix)?.[0].trim() ?? null;
}

/** What is wrong, and what to do. */
export function FaultNote({ fault, children }: { fault: Fault; children?: ComponentChildren }) {
  const command = commandIn(fault.fix);
  return (
    <div class="note bad">
      <p class="note-title">
        <Icon name="cross" /> <code>{fault.code}</code>
      </p>
      <p>{fault.message}</p>
      <p>
        <strong>What to do</strong> {fault.fix}
      </p>
      <div class="row">
        {command === null ? <Copy text={fault.fix} label="Copy the fix" /> : <Copy text={command} label="Copy the command" />}
        {children}
      </div>
    </div>
  );
}
