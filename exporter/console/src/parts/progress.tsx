// A progress bar. It is announced at each quarter only: a screen reader is not to talk without end.

import { useRef } from "preact/hooks";

import { count } from "../format";

interface ProgressProps {
  label: string;
  done: number;
  failed: number;
  total: number;
}

export function Progress({ label, done, failed, total }: ProgressProps) {
  const ended = done + failed;
  const percent = total === 0 ? 100 : Math.floor((100 * ended) / total);
  const first = useRef(percent);
  return (
    <div class="progress">
      <div
        class="bar"
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={total}
        aria-valuenow={ended}
        aria-valuetext={`${percent}%: ${count(done)} of ${count(total)} hours done, ${count(failed)} failed`}
      >
        <span class="bar-done" style={{ width: `${total === 0 ? 100 : (100 * done) / total}%` }} />
        <span class="bar-failed" style={{ width: `${total === 0 ? 0 : (100 * failed) / total}%` }} />
      </div>
      <span class="percent">{percent}%</span>
      <span class="hidden" aria-live="polite">
        {announced(label, first.current, percent)}
      </span>
    </div>
  );
}

/** Return what is announced at a percentage: the last quarter that was reached since the first one was shown. */
export function announced(label: string, first: number, percent: number): string {
  const [before, quarter] = [first, percent].map((each) => Math.floor(each / 25) * 25) as [number, number];
  return quarter > before ? `${label}: ${quarter}%` : "";
}
