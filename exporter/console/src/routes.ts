// The pages of the console by address. The first pattern that matches is shown.

import { Backfill } from "./pages/backfill";
import { Destination } from "./pages/destination";
import { Overview } from "./pages/overview";
import { match, type Route } from "./router";

/** The hours of a destination are one place, whichever hour is open beside them. */
const tab = ({ id = "", tab: name = "" }: Record<string, string>): string => `${id}/${name}`;

export const routes: Route[] = [
  { pattern: "/", page: Overview, section: "overview" },
  { pattern: "/destinations/:id", page: Destination, section: "overview", focus: tab },
  { pattern: "/destinations/:id/hours/:hour", page: Destination, section: "overview", focus: tab },
  { pattern: "/destinations/:id/backfills/:backfill", page: Backfill, section: "overview" },
  { pattern: "/destinations/:id/:tab", page: Destination, section: "overview", focus: tab },
];

/** Whether there is a page for a path: a link to it is shown only then. */
export function isRoute(path: string): boolean {
  return routes.some(({ pattern }) => match(pattern, path) !== null);
}
