// What stands beside a grid: one hour of it. It takes the focus when it opens; Escape closes it.

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { hourSpan } from "../format";
import { Icon } from "./icons";

export function Panel({ hour, onClose, children }: { hour: string; onClose: () => void; children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => heading.current?.focus(), []);
  useEffect(() => {
    const close = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && document.querySelector("dialog[open]") === null) onClose();
    };
    document.addEventListener("keydown", close);
    return () => document.removeEventListener("keydown", close);
  });
  return (
    <aside class="panel" aria-labelledby="hour">
      <header class="panel-head">
        <h2 id="hour" ref={heading} tabIndex={-1}>
          {hourSpan(hour)}
        </h2>
        <button type="button" class="bare" aria-label="Close this hour" onClick={onClose}>
          <Icon name="cross" />
        </button>
      </header>
      {children}
    </aside>
  );
}
