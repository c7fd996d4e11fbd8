// What surrounds every page: header, banner, messages.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

import { lostSince, send } from "./api/client";
import { useResource } from "./api/resource";
import { relative } from "./format";
import { Icon } from "./parts/icons";
import { Ago } from "./parts/time";
import { Toasts } from "./parts/toast";
import { isRoute } from "./routes";
import { href } from "./router";
import { mustSignIn, signedIn, signOut } from "./session";
import { theme, toggleTheme } from "./theme";
import { tickState } from "./tick";

const LINKS = [
  { path: "/", label: "Destinations", section: "overview" },
  { path: "/sources", label: "Sources", section: "sources" },
  { path: "/settings", label: "Settings", section: "settings" },
];

export function Frame({ section, children }: { section: string; children: ComponentChildren }) {
  const links = LINKS.filter(({ path }) => isRoute(path));
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        Skip to the content
      </a>
      <header class="top">
        <div class="inner">
          <a class="brand" href="#/">
            <Logo /> Blob exporter
          </a>
          {!mustSignIn.value && links.length > 1 && (
            <nav aria-label="Main">
              {links.map(({ path, label, section: own }) => (
                <a key={path} href={href(path)} aria-current={own === section ? "page" : undefined}>
                  {label}
                </a>
              ))}
            </nav>
          )}
          <div class="top-end">
            {!mustSignIn.value && <Ticking />}
            <button
              type="button"
              class="bare"
              aria-label={theme() === "dark" ? "Use light colours" : "Use dark colours"}
              onClick={toggleTheme}
            >
              <Icon name={theme() === "dark" ? "sun" : "moon"} />
            </button>
            {signedIn.value && (
              <button type="button" class="bare text" onClick={signOut}>
                Sign out
              </button>
            )}
          </div>
        </div>
      </header>
      <div role="status" class="banners">
        {lostSince.value !== null && (
          <p class="banner">
            <Icon name="alert" /> The app does not answer ({relative(lostSince.value.toISOString(), Date.now())}). What is
            shown may be out of date; the page goes on by itself.
          </p>
        )}
      </div>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <Toasts />
    </>
  );
}

const EVERY = 60_000;
const LATER = 3_000;

/** Whether the timer is alive, on every page; what is wrong is on the page that it leads to. */
function Ticking() {
  const [asked, setAsked] = useState(false);
  // The page itself comes first: the status takes the app a call to each queue.
  useEffect(() => {
    const timer = setTimeout(() => setAsked(true), LATER);
    return () => clearTimeout(timer);
  }, []);
  const status = useResource(asked ? "status" : null, (signal) => send("get", "/status", { signal }), { every: EVERY });
  if (status.data === null) return null;
  const { tone, text, at } = tickState(status.data);
  return (
    <a class={`ticking ${tone}`} href="#/settings">
      <Icon name={tone === "good" ? "check" : "alert"} size={14} />
      <span>
        {text}
        {at !== null && (
          <span class="wide-only">
            , <Ago at={at} />
          </span>
        )}
      </span>
    </a>
  );
}

function Logo() {
  return (
    <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true" class="logo">
      <rect width="32" height="32" rx="8" />
      <path d="M7 7h5v5H7zM13.5 7h5v5h-5zM7 13.5h5v5H7zM20 13.5h5v5h-5zM13.5 20h5v5h-5zM20 20h5v5h-5z" />
      <path opacity=".5" d="M20 7h5v5h-5zM13.5 13.5h5v5h-5zM7 20h5v5H7z" />
    </svg>
  );
}
