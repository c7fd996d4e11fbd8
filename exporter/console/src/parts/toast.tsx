// Short messages about what was just done. Screen readers read them; they do not take the focus.

import { signal } from "@preact/signals";

import { Icon } from "./icons";

interface Message {
  id: number;
  text: string;
  tone: "good" | "bad";
}

const SECONDS = 6;
const messages = signal<Message[]>([]);
let last = 0;

/** Say that something is done, or that it failed. */
export function say(text: string, tone: Message["tone"] = "good"): void {
  const id = ++last;
  messages.value = [...messages.value, { id, text, tone }];
  setTimeout(() => dismiss(id), SECONDS * 1000 * (tone === "bad" ? 2 : 1));
}

function dismiss(id: number): void {
  messages.value = messages.value.filter((each) => each.id !== id);
}

/** The place of the messages: once, in the frame of the page. */
export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {messages.value.map(({ id, text, tone }) => (
        <div key={id} class={`toast ${tone}`}>
          <Icon name={tone === "good" ? "check" : "cross"} />
          <span>{text}</span>
          <button type="button" class="bare" aria-label="Dismiss" onClick={() => dismiss(id)}>
            <Icon name="cross" size={14} />
          </button>
        </div>
      ))}
    </div>
  );
}
