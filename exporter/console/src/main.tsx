// The console. The page for an address is in routes.ts.

import { render } from "preact";
import { useLayoutEffect } from "preact/hooks";

import { Frame } from "./frame";
import { SignIn } from "./pages/sign-in";
import { Nothing } from "./parts/trouble";
import { address, match } from "./router";
import { routes } from "./routes";
import { mustSignIn } from "./session";

function found() {
  for (const route of routes) {
    const parameters = match(route.pattern, address.value.path);
    if (parameters !== null) return { route, parameters };
  }
  return null;
}

function App() {
  const here = found();
  const section = here?.route.section ?? "";
  // Where a page begins: screen readers read its title, and Tab goes on from there.
  const place = mustSignIn.value ? "sign-in" : (here?.route.focus?.(here.parameters) ?? address.value.path);
  useLayoutEffect(() => {
    if (first) first = false;
    else document.querySelector<HTMLElement>("main h1")?.focus();
  }, [place]);
  if (mustSignIn.value) {
    return (
      <Frame section="">
        <SignIn />
      </Frame>
    );
  }
  return (
    <Frame section={section}>
      {here === null ? (
        <Nothing title="There is no such page">
          <a href="#/">Show the destinations</a>
        </Nothing>
      ) : (
        <here.route.page parameters={here.parameters} query={address.value.query} />
      )}
    </Frame>
  );
}

let first = true;
const root = document.getElementById("app");
if (root !== null) render(<App />, root);
