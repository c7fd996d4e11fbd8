// The pages of the console by address. The first pattern that matches is shown.

import { Backfill } from "./pages/backfill";
import { Destination } from "./pages/destination";
import { Overview } from "./pages/overview";
import { Settings } from "./pages/settings";
import { Source } from "./pages/source";
import { NewSource } from "./pages/source-form";
import { Pull } from "./pages/source-pulls";
import { Sources } from "./pages/sources";
import { Wizard } from "./pages/wizard";
import { match, type Route } from "./router";

/** The hours of a destination or a source are one place, whichever hour is open beside them. */
const tab = ({ id = "", tab: name = "" }: Record<string, string>): string => `${id}/${name}`;

export const routes: Route[] = [
  { pattern: "/", page: Overview, section: "overview" },
  { pattern: "/new", page: Wizard, section: "overview" },
  { pattern: "/new/:step", page: Wizard, section: "overview" },
  { pattern: "/settings", page: Settings, section: "settings" },
  { pattern: "/destinations/:id", page: Destination, section: "overview", focus: tab },
  { pattern: "/destinations/:id/hours/:hour", page: Destination, section: "overview", focus: tab },
  { pattern: "/destinations/:id/backfills/:backfill", page: Backfill, section: "overview" },
  { pattern: "/destinations/:id/:tab", page: Destination, section: "overview", focus: tab },
  { pattern: "/sources", page: Sources, section: "sources" },
  { pattern: "/new-source", page: NewSource, section: "sources" },
  { pattern: "/sources/:id", page: Source, section: "sources", focus: tab },
  { pattern: "/sources/:id/hours/:hour", page: Source, section: "sources", focus: tab },
  { pattern: "/sources/:id/pulls/:pull", page: Pull, section: "sources" },
  { pattern: "/sources/:id/:tab", page: Source, section: "sources", focus: tab },
];

/** Whether there is a page for a path: a link to it is shown only then. */
export function isRoute(path: string): boolean {
  return routes.some(({ pattern }) => match(pattern, path) !== null);
}
