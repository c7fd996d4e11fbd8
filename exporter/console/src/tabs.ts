// The tabs of a destination, in their order. Each is a component in a file of its own.

import type { ComponentType } from "preact";

import type { Schemas } from "./api/client";
import { BackfillsTab } from "./pages/backfills";
import { HoursTab } from "./pages/hours";

export interface TabProps {
  destination: Schemas["DestinationView"];
  /** Ask for the destination again: something about it was changed. */
  reload: () => void;
  parameters: Record<string, string>;
  query: URLSearchParams;
}

interface Tab {
  /** The last part of its address; the first tab has none. */
  name: string;
  label: string;
  page: ComponentType<TabProps>;
}

export const tabs: Tab[] = [
  { name: "", label: "Hours", page: HoursTab },
  { name: "backfills", label: "Backfills", page: BackfillsTab },
];
