// The tabs of a destination or a source. Each has an address; the first one is that of the thing itself.

import { href } from "../router";

interface TabsProps {
  /** What the tabs are of, for screen readers. */
  of: string;
  /** The address of the first tab. */
  address: string;
  /** ``name`` is the last part of a tab's address; the first tab has none. */
  tabs: { name: string; label: string }[];
  /** The name of the tab that is shown. */
  current: string | undefined;
}

export function Tabs({ of, address, tabs, current }: TabsProps) {
  return (
    <nav class="tabs" aria-label={of}>
      {tabs.map(({ name, label }) => (
        <a
          key={name}
          href={href(name === "" ? address : `${address}/${name}`)}
          aria-current={name === current ? "page" : undefined}
        >
          {label}
        </a>
      ))}
    </nav>
  );
}
