// A month as a grid: a row for each day, a cell for each hour. And the buttons that turn its pages.

import { dayOfMonth, hourSpan, short } from "../format";
import { daysOf } from "../hours";
import type { Cell, GridRow } from "./heatmap";
import { Icon } from "./icons";

/** The hours of a day: 00 to 23. */
export const HOURS = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, "0"));

/** What a cell shows; ``words`` says it. */
export interface Figures extends Omit<Cell, "key" | "text"> {
  words: string;
}

/** The rows of a month, such as 2026-01. */
export function monthRows(shown: string, figuresOf: (hour: string) => Figures): GridRow[] {
  return daysOf(shown).map((day) => {
    const { weekday, number } = dayOfMonth(day);
    const cells = HOURS.map((hour): Cell => {
      const key = `${day}T${hour}`;
      const { words, ...figures } = figuresOf(key);
      return { ...figures, key, text: `${hourSpan(key)}: ${words}` };
    });
    return {
      key: day,
      head: (
        <>
          <span class="weekday">{weekday}</span> {number}
        </>
      ),
      cells,
      total: total(cells),
    };
  });
}

/** The rows of several cells; nothing where none of them is owed or done. */
export function total(cells: Pick<Cell, "letter" | "rows">[]): string {
  return cells.some(({ letter }) => letter !== "-") ? short(cells.reduce((sum, { rows }) => sum + rows, 0)) : "";
}

/** The title of the period that is shown, between two buttons. */
export function Pager({ text, onPage }: { text: string; onPage: (pages: -1 | 1) => void }) {
  return (
    <div class="pager">
      <button type="button" class="bare" aria-label="Earlier" onClick={() => onPage(-1)}>
        <Icon name="left" />
      </button>
      <h2 aria-live="polite">{text}</h2>
      <button type="button" class="bare" aria-label="Later" onClick={() => onPage(1)}>
        <Icon name="right" />
      </button>
    </div>
  );
}
