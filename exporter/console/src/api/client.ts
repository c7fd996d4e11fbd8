// Requests to the API, typed by its OpenAPI document. Every error is a Problem or Unreachable.

import { signal } from "@preact/signals";

import { parseExactly } from "../filter";
import { credentials, refused } from "../session";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Fault = Schemas["FaultView"];
export type DataType = Schemas["DataType"];

/** The API, seen from the page at /console/. */
const BASE = new URL("../api", document.baseURI).pathname;
const SECONDS_MAX = 60;

/** An answer with an error status; what the problem document says. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly rest: Partial<Schemas["ProblemView"]> = {},
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

/** No answer: the app is down, or the network. */
export class Unreachable extends Error {}

/** What an error says, and about which fields. */
export function refusalOf(error: unknown): { message: string; errors: { field: string; message: string }[] } {
  const { errors = [] } = error instanceof Problem ? error.rest : {};
  return { message: error instanceof Error ? error.message : String(error), errors };
}

/** When the app stopped to answer; null while it answers. */
export const lostSince = signal<Date | null>(null);

type Method = "get" | "put" | "post" | "delete";
type Operation<P extends keyof paths, M extends Method> = M extends keyof paths[P] ? NonNullable<paths[P][M]> : never;
/** The paths that have a method. */
export type PathOf<M extends Method> = {
  [P in keyof paths]: M extends keyof paths[P] ? (paths[P][M] extends undefined ? never : P) : never;
}[keyof paths];
type Json<R> = R extends { content: { "application/json": infer Body } } ? Body : null;
/** The body of a successful answer. */
export type Answer<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { responses: infer R }
    ? { [S in keyof R]: S extends 200 | 201 | 202 | 204 ? Json<R[S]> : never }[keyof R]
    : never;
type Query<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { parameters: { query?: infer Q } } ? ([Q] extends [undefined] ? never : Q) : never;
type PathParameters<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { parameters: { path: infer Given } } ? Given : never;
type Body<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { requestBody?: infer Sent }
    ? NonNullable<Sent> extends { content: { "application/json": infer Given } }
      ? Given
      : never
    : never;

export interface Options<P extends keyof paths, M extends Method> {
  path?: PathParameters<P, M>;
  query?: Query<P, M>;
  body?: Body<P, M>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** What an answer said besides its body. */
export interface Received<T> {
  status: number;
  body: T;
  etag: string | null;
  /** Seconds after which to ask again; null if the answer does not say. */
  retryAfter: number | null;
}

// The newest answer of each address with its ETag: an unchanged one is not sent again.
const known = new Map<string, Received<unknown>>();
const KNOWN_MAX = 200;

/** Send a request, and return the answer with its ETag. */
export async function send<M extends Method, P extends PathOf<M>>(
  method: M,
  path: P,
  options: Options<P, M> = {},
): Promise<Received<Answer<P, M>>> {
  const url = BASE + filled(path, options.path ?? {}) + search(options.query ?? {});
  return (await exchange(method, url, options)) as Received<Answer<P, M>>;
}

/** Send a GET, and return the body. */
export async function get<P extends PathOf<"get">>(path: P, options: Options<P, "get"> = {}): Promise<Answer<P, "get">> {
  return (await send("get", path, options)).body;
}

/** Send a POST, and return the body. */
export async function post<P extends PathOf<"post">>(
  path: P,
  options: Options<P, "post"> = {},
): Promise<Answer<P, "post">> {
  return (await send("post", path, options)).body;
}

/** Whether the API accepts a key. Nothing is stored. */
export async function accepts(key: string): Promise<boolean> {
  const answer = await reach(`${BASE}/destinations?limit=1`, { headers: { "x-functions-key": key } });
  return answer.status !== 401;
}

async function exchange(
  method: Method,
  url: string,
  options: { body?: unknown; headers?: Record<string, string>; signal?: AbortSignal },
): Promise<Received<unknown>> {
  const before = method === "get" ? known.get(url) : undefined;
  const headers: Record<string, string> = {
    Accept: "application/json",
    ...credentials(),
    ...(before?.etag ? { "If-None-Match": before.etag } : {}),
    ...(options.body === undefined ? {} : { "Content-Type": "application/json" }),
    ...options.headers,
  };
  const answer = await reach(url, {
    method: method.toUpperCase(),
    headers,
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const retryAfter = seconds(answer.headers.get("Retry-After"));
  if (answer.status === 304 && before) {
    // What is unchanged still runs: it is asked for again after the same time.
    return { ...before, retryAfter: retryAfter ?? before.retryAfter };
  }
  if (answer.status === 401) {
    refused();
    throw new Problem(401, "no_key", "The function key is missing or wrong.");
  }
  const text = await answer.text();
  if (!answer.ok) {
    throw problemOf(answer.status, text, retryAfter);
  }
  const received = { status: answer.status, body: parsed(text), etag: answer.headers.get("ETag"), retryAfter };
  if (method === "get" && received.etag?.startsWith("W/")) {
    keep(url, received);
  }
  return received;
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  const limit = AbortSignal.timeout(SECONDS_MAX * 1000);
  const signals = init.signal ? AbortSignal.any([init.signal, limit]) : limit;
  try {
    const answer = await fetch(url, {
      ...init,
      signal: signals,
      cache: "no-store",
      credentials: "omit",
      mode: "same-origin",
      redirect: "error",
      referrerPolicy: "no-referrer",
    });
    lostSince.value = null;
    return answer;
  } catch (error) {
    if (init.signal?.aborted) throw error;
    lostSince.value ??= new Date();
    throw new Unreachable("The app does not answer.");
  }
}

function keep(url: string, received: Received<unknown>): void {
  known.delete(url);
  known.set(url, received);
  const oldest = known.keys().next();
  if (known.size > KNOWN_MAX && !oldest.done) known.delete(oldest.value);
}

function filled(path: string, parameters: object): string {
  const values = parameters as Record<string, string>;
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ""));
}

function search(query: object): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return given.length === 0 ? "" : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

function parsed(text: string): unknown {
  if (text === "") return null;
  return MANY_DIGITS.test(text) ? parseExactly(text) : JSON.parse(text);
}

// Digits that JavaScript may round: a filter that is read and saved again must stay the same.
const MANY_DIGITS = /[\d.]{16}|\d[eE][+-]?\d\d/;

function problemOf(status: number, text: string, retryAfter: number | null): Problem {
  try {
    const found = JSON.parse(text) as Schemas["ProblemView"];
    return new Problem(status, found.code, found.detail, found, retryAfter);
  } catch {
    // The host answers some requests itself, without a body.
    return new Problem(status, "no_details", `The app answered with status ${status}.`, {}, retryAfter);
  }
}

function seconds(header: string | null): number | null {
  const found = Number(header);
  return header === null || !Number.isFinite(found) ? null : found;
}

/** Return 32 random hexadecimal digits: an Idempotency-Key, the same for each try of one request. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (each) => each.toString(16).padStart(2, "0")).join("");
}
