// What a page shows, kept up to date: loaded, asked for again while the page is visible, kept when the app is away.

import { useEffect, useRef, useState } from "preact/hooks";

import { Problem, type Received, Unreachable } from "./client";

export interface Resource<T> {
  /** The newest answer; null until the first one. */
  data: T | null;
  /** Why there is no newer answer; null while all is well. */
  problem: Problem | Unreachable | null;
  /** When the data came. */
  at: Date | null;
  /** Ask now. */
  reload: () => void;
}

export interface Polling {
  /** Milliseconds between two requests; 0 asks once. An answer with Retry-After is asked for again after that time. */
  every: number;
}

const BACK_OFF_MAX = 60_000;
const BACK_OFF_FIRST = 2_000;

/** Load something when ``key`` changes, and keep it up to date. A null key loads nothing. */
export function useResource<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<Received<T>>,
  { every }: Polling = { every: 0 },
): Resource<T> {
  const [state, setState] = useState<Omit<Resource<T>, "reload"> & { key: string | null }>({
    key,
    data: null,
    problem: null,
    at: null,
  });
  const loader = useRef(load);
  loader.current = load;
  const again = useRef<() => void>(() => undefined);

  useEffect(() => {
    if (key === null) return undefined;
    const ended = new AbortController();
    let timer = 0;
    let failures = 0;
    let asking = false;

    const later = (milliseconds: number): void => {
      clearTimeout(timer);
      if (milliseconds > 0) timer = window.setTimeout(ask, milliseconds);
    };
    const ask = async (): Promise<void> => {
      // A hidden page asks for nothing; it asks at once when it is shown again.
      if (asking || document.hidden || ended.signal.aborted) return;
      asking = true;
      clearTimeout(timer);
      try {
        const { body, retryAfter } = await loader.current(ended.signal);
        failures = 0;
        setState({ key, data: body, problem: null, at: new Date() });
        later(retryAfter === null ? every : retryAfter * 1000);
      } catch (error) {
        if (ended.signal.aborted) return;
        if (!(error instanceof Problem || error instanceof Unreachable)) throw error;
        failures += 1;
        setState((old) => ({ ...(old.key === key ? old : { data: null, at: null }), key, problem: error }));
        later(pause(error, failures));
      } finally {
        asking = false;
      }
    };
    const shown = (): void => {
      if (!document.hidden) void ask();
    };
    again.current = () => void ask();
    document.addEventListener("visibilitychange", shown);
    window.addEventListener("online", shown);
    void ask();
    return () => {
      ended.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", shown);
      window.removeEventListener("online", shown);
    };
  }, [key, every]);

  const current = state.key === key ? state : { data: null, problem: null, at: null };
  return { data: current.data, problem: current.problem, at: current.at, reload: () => again.current() };
}

/** Milliseconds until the next try: what the app says, or twice as long after each failure; 0 for no other try. */
export function pause(error: Problem | Unreachable, failures: number): number {
  if (error instanceof Problem) {
    if (error.retryAfter !== null) return error.retryAfter * 1000;
    // Wrong requests and wrong settings do not heal by themselves within seconds.
    if (error.status < 500 && error.status !== 429) return 0;
  }
  return Math.min(BACK_OFF_FIRST * 2 ** (failures - 1), BACK_OFF_MAX);
}
