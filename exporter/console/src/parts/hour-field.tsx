// A day and an hour of it, in UTC, as one value: 2026-01-31T17. It is empty while there is no day.

import { useId } from "preact/hooks";

import { HOURS } from "./month";

interface HourFieldProps {
  label: string;
  value: string;
  onChange: (hour: string) => void;
}

export function HourField({ label, value, onChange }: HourFieldProps) {
  const id = useId();
  const [day = "", hour = "00"] = value.split("T");
  return (
    <div class="hour-field">
      <label for={id}>{label}</label>
      <div class="row">
        <input
          id={id}
          type="date"
          required
          min="2000-01-01"
          value={day}
          onInput={(event) => onChange(event.currentTarget.value === "" ? "" : `${event.currentTarget.value}T${hour}`)}
        />
        <select
          aria-label={`${label}: hour, UTC`}
          value={hour}
          onChange={(event) => onChange(`${day}T${event.currentTarget.value}`)}
        >
          {HOURS.map((each) => (
            <option key={each} value={each}>
              {each}:00 UTC
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}
