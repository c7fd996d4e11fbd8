// Light or dark: as the system says, unless someone chooses. The choice is all that is kept in localStorage.

import { signal } from "@preact/signals";

export type Theme = "light" | "dark";

const STORED = "blob-exporter.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

const chosen = signal<Theme | null>(read());
const systemTheme = signal<Theme>(system.matches ? "dark" : "light");
system.addEventListener("change", () => {
  systemTheme.value = system.matches ? "dark" : "light";
});
apply();

export function theme(): Theme {
  return chosen.value ?? systemTheme.value;
}

export function toggleTheme(): void {
  chosen.value = theme() === "dark" ? "light" : "dark";
  apply();
  try {
    localStorage.setItem(STORED, chosen.value);
  } catch {
    // Storage is blocked: the choice lasts until the page is loaded again.
  }
}

function apply(): void {
  if (chosen.value !== null) document.documentElement.dataset["theme"] = chosen.value;
}

function read(): Theme | null {
  try {
    const found = localStorage.getItem(STORED);
    return found === "light" || found === "dark" ? found : null;
  } catch {
    return null;
  }
}
