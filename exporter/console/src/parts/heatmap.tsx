// A grid of hours or days. One tab stop; arrow keys move, Enter opens, Shift and arrows select a range.

import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** A state of a cell: its letter, its word, and its look. */
export interface State {
  letter: string;
  word: string;
  style: string;
  glyph: string;
}

/** The states of an hour of a destination by the letter of the API, in the order of the legend. */
export const STATES: State[] = [
  { letter: "E", word: "exported", style: "exported heat-4", glyph: "" },
  { letter: ".", word: "empty", style: "empty", glyph: "·" },
  { letter: "O", word: "owed", style: "owed", glyph: "" },
  { letter: "R", word: "running", style: "running", glyph: "›" },
  { letter: "F", word: "failed", style: "failed", glyph: "×" },
  { letter: "-", word: "not owed", style: "none", glyph: "" },
];
const HEAT_MAX = 5;

export interface Cell {
  /** An hour or a day: cells in time order have keys in text order. */
  key: string;
  letter: string;
  rows: number;
  late: boolean;
  /** What a screen reader reads, and what is shown for the cell under the pointer. */
  text: string;
}

export interface GridRow {
  key: string;
  head: ComponentChildren;
  /** What is not there, such as 30 February, is null. */
  cells: (Cell | null)[];
  total: string;
}

export interface Range {
  first: string;
  last: string;
}

interface HeatmapProps {
  states?: State[];
  label: string;
  columns: string[];
  rows: GridRow[];
  /** The cell that is open beside the grid. */
  current: string | null;
  /** The cell that the grid begins with. */
  start: string;
  range: Range | null;
  onRange: (range: Range | null) => void;
  onOpen: (key: string) => void;
  /** A page before or after this one. */
  onPage: (pages: -1 | 1) => void;
}

export function Heatmap({ states = STATES, label, columns, rows, current, start, range, onRange, onOpen, onPage }: HeatmapProps) {
  const [active, setActive] = useState(current ?? start);
  const [pointed, setPointed] = useState<string | null>(null);
  const grid = useRef<HTMLTableElement>(null);
  const anchor = useRef<string | null>(null);
  const returning = useRef(current);
  const most = Math.max(1, ...rows.flatMap(({ cells }) => cells.map((each) => each?.rows ?? 0)));
  const all = rows.flatMap(({ cells }) => cells.filter((each) => each !== null));
  const reachable = all.some(({ key }) => key === active) ? active : (all.find(({ key }) => key === start) ?? all[0])?.key;

  // On a narrow screen the grid scrolls: it begins where its cell is.
  useEffect(() => {
    const cell = grid.current?.querySelector<HTMLElement>("[tabindex='0']");
    const scroll = grid.current?.parentElement;
    if (cell && scroll) scroll.scrollLeft = cell.offsetLeft - scroll.clientWidth / 2;
  }, []);

  // What was open is closed: the focus goes back to its cell.
  useLayoutEffect(() => {
    if (current !== null) setActive(current);
    else if (returning.current !== null) focus(returning.current);
    returning.current = current;
  }, [current]);

  const focus = (key: string): void => {
    setActive(key);
    grid.current?.querySelector<HTMLElement>(`[data-key="${key}"]`)?.focus();
  };

  const move = (key: string, extend: boolean): void => {
    if (extend) {
      anchor.current ??= reachable ?? key;
      const ends = [anchor.current, key].sort();
      onRange({ first: ends[0] ?? key, last: ends[1] ?? key });
    } else {
      anchor.current = null;
      if (range !== null) onRange(null);
    }
    focus(key);
  };

  const pressed = (event: KeyboardEvent): void => {
    const at = position(rows, reachable ?? "");
    if (at === null) return;
    const key = target(rows, at, event);
    if (key !== null) {
      event.preventDefault();
      move(key, event.shiftKey);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      onOpen(reachable ?? "");
    } else if (event.key === "Escape" && range !== null) {
      event.stopPropagation();
      move(reachable ?? "", false);
    } else if (event.key === "PageUp" || event.key === "PageDown") {
      event.preventDefault();
      onPage(event.key === "PageUp" ? -1 : 1);
    }
  };

  const clicked = (event: MouseEvent): void => {
    const key = keyAt(event);
    if (key === null) return;
    if (event.shiftKey) {
      event.preventDefault();
      move(key, true);
    } else {
      move(key, false);
      onOpen(key);
    }
  };

  const told = all.find(({ key }) => key === pointed) ?? all.find(({ key }) => key === reachable);
  return (
    <div class="heatmap">
      <p class="told" aria-hidden="true">
        {told?.text}
      </p>
      <div class="scroll">
        <table
          ref={grid}
          role="grid"
          aria-label={label}
          aria-multiselectable="true"
          onKeyDown={pressed}
          onClick={clicked}
          onMouseOver={(event) => setPointed(keyAt(event))}
          onMouseLeave={() => setPointed(null)}
        >
          <thead>
            <tr>
              <td />
              {columns.map((each) => (
                <th key={each} scope="col">
                  {each}
                </th>
              ))}
              <th scope="col" class="number">
                rows
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ key, head, cells, total }) => (
              <tr key={key}>
                <th scope="row">{head}</th>
                {cells.map((cell, index) =>
                  cell === null ? (
                    <td key={index} class="gap" />
                  ) : (
                    <Box
                      key={cell.key}
                      cell={cell}
                      state={states.find(({ letter }) => letter === cell.letter)}
                      most={most}
                      tabIndex={cell.key === reachable ? 0 : -1}
                      current={cell.key === current}
                      selected={range !== null && range.first <= cell.key && cell.key <= range.last}
                      onFocus={() => setActive(cell.key)}
                    />
                  ),
                )}
                <td class="number total">{total}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

interface BoxProps {
  cell: Cell;
  state: State | undefined;
  most: number;
  tabIndex: number;
  current: boolean;
  selected: boolean;
  onFocus: () => void;
}

function Box({ cell: { key, letter, rows, late, text }, state, most, tabIndex, current, selected, onFocus }: BoxProps) {
  const style = letter === "E" ? `exported heat-${heat(rows, most)}` : (state?.style ?? "none");
  return (
    <td
      data-key={key}
      class={`box ${style} ${late ? "late" : ""}`}
      tabIndex={tabIndex}
      aria-label={text}
      aria-selected={selected}
      aria-current={current ? "true" : undefined}
      onFocus={onFocus}
    >
      <span aria-hidden="true">{state?.glyph}</span>
    </td>
  );
}

/** The states and their looks; ``late`` says what the mark of late rows means. */
export function Legend({ states = STATES, late = "late rows added" }: { states?: State[]; late?: string }) {
  return (
    <ul class="legend" aria-label="Legend">
      {states.filter(({ letter }) => letter !== "-").map(({ letter, word, style, glyph }) => (
        <li key={letter}>
          <span class={`box ${style}`} aria-hidden="true">
            {glyph}
          </span>
          {letter === "E" ? `${word}; a stronger colour is more rows` : word}
        </li>
      ))}
      <li>
        <span class="box exported heat-2 late" aria-hidden="true" />
        {late}
      </li>
    </ul>
  );
}

/** The shade of a number of rows, 1 to 5, on a logarithmic scale: half of the rows are one shade lighter. */
export function heat(rows: number, most: number): number {
  return rows <= 0 ? 1 : Math.max(1, HEAT_MAX - Math.round(Math.log2(most / rows)));
}

function keyAt(event: Event): string | null {
  const box = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-key]") : null;
  return box?.dataset["key"] ?? null;
}

function position(rows: GridRow[], key: string): { row: number; column: number } | null {
  for (const [row, { cells }] of rows.entries()) {
    const column = cells.findIndex((each) => each?.key === key);
    if (column >= 0) return { row, column };
  }
  return null;
}

function target(rows: GridRow[], { row, column }: { row: number; column: number }, event: KeyboardEvent): string | null {
  const whole = event.ctrlKey || event.metaKey;
  const line = rows[row]?.cells.filter((each) => each !== null) ?? [];
  const all = rows.flatMap(({ cells }) => cells.filter((each) => each !== null));
  const key = rows[row]?.cells[column]?.key;
  const index = all.findIndex((each) => each.key === key);
  switch (event.key) {
    case "ArrowLeft":
      return all[index - 1]?.key ?? null;
    case "ArrowRight":
      return all[index + 1]?.key ?? null;
    case "ArrowUp":
      return rows[row - 1]?.cells[column]?.key ?? null;
    case "ArrowDown":
      return rows[row + 1]?.cells[column]?.key ?? null;
    case "Home":
      return (whole ? all : line)[0]?.key ?? null;
    case "End":
      return (whole ? all : line).at(-1)?.key ?? null;
    default:
      return null;
  }
}
