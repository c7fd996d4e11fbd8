// The last two days of a destination, an hour a bar. Loaded when it is seen: a list may be long.

import { useEffect, useRef, useState } from "preact/hooks";

import { get, type Schemas } from "../api/client";
import { NAMES, plural } from "../format";
import { hourKey } from "../hours";

const HOURS = 48;
const WIDTH = 4;
const HEIGHT = 18;
/** Height and style of the bar of each letter: what is wrong is higher, and what is owed is hollow. */
const BARS: Record<string, { height: number; style: string; word: string }> = {
  F: { height: 18, style: "failed", word: "failed" },
  O: { height: 12, style: "owed", word: "owed" },
  R: { height: 12, style: "running", word: "running" },
  E: { height: 12, style: "exported", word: "exported" },
  ".": { height: 3, style: "empty", word: "empty" },
  "-": { height: 1, style: "none", word: "" },
};

/** ``version`` changes when something may have changed: then the bars are loaded again. */
export function Strip({ id, version }: { id: string; version: string }) {
  const [found, setFound] = useState<Schemas["HoursSummaryView"] | null>(null);
  const [seen, setSeen] = useState(false);
  const place = useRef<HTMLSpanElement>(null);

  useEffect(() => {
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((each) => each.isIntersecting)) setSeen(true);
    });
    if (place.current) observer.observe(place.current);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    if (!seen) return undefined;
    const ended = new AbortController();
    const from = hourKey(Date.now() - HOURS * 3_600_000);
    get("/destinations/{id}/hours/summary", { path: { id }, query: { from }, signal: ended.signal })
      .then(setFound)
      // The bars are left out where they cannot be had; the page says elsewhere what is wrong.
      .catch(() => undefined);
    return () => ended.abort();
  }, [id, seen, version]);

  return (
    <span ref={place} class="strip">
      {found && <Bars of={found} />}
    </span>
  );
}

function Bars({ of: { status, data_type } }: { of: Schemas["HoursSummaryView"] }) {
  const letters = [...status.slice(-HOURS).padStart(HOURS, "-")];
  const words = Object.entries(BARS)
    .map(([letter, { word }]) => ({ word, number: letters.filter((each) => each === letter).length }))
    .filter(({ word, number }) => word !== "" && number > 0)
    .map(({ word, number }) => `${number} ${word}`);
  const label = `${NAMES[data_type]}, the last ${plural(letters.length, "hour")}: ${words.join(", ") || "none owed"}`;
  return (
    <svg role="img" aria-label={label} width={HOURS * WIDTH} height={HEIGHT}>
      <title>{label}</title>
      {letters.map((letter, index) => {
        const bar = BARS[letter];
        return bar ? (
          <rect key={index} class={bar.style} x={index * WIDTH + 0.5} y={HEIGHT - bar.height} width={WIDTH - 1} height={bar.height} />
        ) : null;
      })}
    </svg>
  );
}
