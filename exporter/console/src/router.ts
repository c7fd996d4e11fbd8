// Addresses of the console: hash routes such as #/destinations/acme/hours/2026-01-31T17?data_type=events.

import { signal } from "@preact/signals";
import type { ComponentType } from "preact";

export interface Address {
  path: string;
  query: URLSearchParams;
}

export interface RouteProps {
  parameters: Record<string, string>;
  query: URLSearchParams;
}

export interface Route {
  /** The path, with names of parameters: ``/destinations/:id``. */
  pattern: string;
  page: ComponentType<RouteProps>;
  /** The section of the page's frame that is marked as current. */
  section: string;
  /** The place whose title gets the focus when it changes; by default each address is a place of its own. */
  focus?: (parameters: Record<string, string>) => string;
}

/** The address of the page that is shown. */
export const address = signal(parse(location.hash));

window.addEventListener("hashchange", () => {
  address.value = parse(location.hash);
});

export function parse(hash: string): Address {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?", 2);
  return { path: path === "" ? "/" : path, query: new URLSearchParams(query) };
}

/** Return the hash of a path, ids encoded by the caller with ``encodeURIComponent``. */
export function href(path: string, query: Record<string, string | null | undefined> = {}): string {
  const given = Object.entries(query).filter((each): each is [string, string] => Boolean(each[1]));
  return `#${path}${given.length === 0 ? "" : `?${new URLSearchParams(given)}`}`;
}

/** Show another page; with ``replace``, Back leads past the present one. */
export function go(hash: string, replace = false): void {
  if (replace) {
    history.replaceState(null, "", hash);
    address.value = parse(hash);
  } else {
    location.hash = hash;
  }
}

/** Return the parameters of a path, or null if it is not the pattern's. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = segments(pattern);
  const given = segments(path);
  if (wanted.length !== given.length) return null;
  const parameters: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const text = given[index] ?? "";
    if (part.startsWith(":")) {
      const value = decoded(text);
      if (value === null) return null;
      parameters[part.slice(1)] = value;
    } else if (part !== text) {
      return null;
    }
  }
  return parameters;
}

function segments(path: string): string[] {
  return path.split("/").filter((part) => part !== "");
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
