// The pages of the console by address. The first pattern that matches is shown.

import { Overview } from "./pages/overview";
import { match, type Route } from "./router";

export const routes: Route[] = [{ pattern: "/", page: Overview, section: "overview" }];

/** Whether there is a page for a path: a link to it is shown only then. */
export function isRoute(path: string): boolean {
  return routes.some(({ pattern }) => match(pattern, path) !== null);
}
