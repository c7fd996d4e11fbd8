// The tabs of a destination, in their order. Each is a component in a file of its own.

import type { ComponentType } from "preact";

import type { Schemas } from "./api/client";
import { BackfillsTab } from "./pages/backfills";
import { ConfigurationTab } from "./pages/configuration";
import { FilterTab } from "./pages/filter";
import { HoursTab } from "./pages/hours";
import { NotificationsTab } from "./pages/notifications";
import { VerificationsTab } from "./pages/verifications";

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
  { name: "verifications", label: "Verifications", page: VerificationsTab },
  { name: "configuration", label: "Configuration", page: ConfigurationTab },
  { name: "filter", label: "Filter", page: FilterTab },
  { name: "notifications", label: "Notifications", page: NotificationsTab },
];

/** What can be seen of a deleted destination. */
const OF_DELETED = ["", "backfills", "verifications"];

export function tabsOf({ status }: Schemas["DestinationView"]): Tab[] {
  return tabs.filter(({ name }) => status !== "deleted" || OF_DELETED.includes(name));
}
