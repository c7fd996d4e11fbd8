// The title of a page: its heading, and the name of the browser's tab.

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

export function Title({ text, children }: { text: string; children?: ComponentChildren }) {
  useEffect(() => {
    document.title = `${text} · Blob exporter`;
  }, [text]);
  return (
    <h1 tabIndex={-1}>
      <bdi>{text}</bdi>
      {children}
    </h1>
  );
}
