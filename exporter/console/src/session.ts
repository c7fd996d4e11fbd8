// Who uses the console: the one place that decides what a request to the API is sent with.
//
// The key stays in memory. On request it is kept in sessionStorage, which the browser empties with the tab. It
// is never part of an address, and client.ts sends it to the own origin only.

import { signal } from "@preact/signals";

const STORED = "blob-exporter.key";

/** Whether the API asked for a key and has not accepted one yet. */
export const mustSignIn = signal(false);
/** Whether a key is in use: a local app asks for none, and then there is nothing to sign out of. */
export const signedIn = signal(false);

let key = stored();
signedIn.value = key !== "";

/** The headers that tell the API who asks. */
export function credentials(): Record<string, string> {
  return key === "" ? {} : { "x-functions-key": key };
}

/** The API answered 401: the key is missing, wrong, or revoked. */
export function refused(): void {
  key = "";
  forget();
  signedIn.value = false;
  mustSignIn.value = true;
}

/** Use a key that the API has accepted. */
export function signIn(accepted: string, keep: boolean): void {
  key = accepted;
  signedIn.value = true;
  mustSignIn.value = false;
  if (keep) {
    try {
      sessionStorage.setItem(STORED, accepted);
    } catch {
      // Storage is blocked: the key is asked for again after a reload.
    }
  }
}

/** Forget the key, and everything that was shown with it. */
export function signOut(): void {
  refused();
  location.hash = "#/";
  location.reload();
}

function stored(): string {
  try {
    return sessionStorage.getItem(STORED) ?? "";
  } catch {
    return "";
  }
}

function forget(): void {
  try {
    sessionStorage.removeItem(STORED);
  } catch {
    // Nothing is stored where storage is blocked.
  }
}
