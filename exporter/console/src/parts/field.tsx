// A labelled field of a form, with a hint and the problem that the API found.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

import type { Errors } from "./filter-builder";

interface FieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: ComponentChildren;
  /** The path of the field in the request, and what is wrong there. */
  name: string;
  errors: Errors;
  type?: "text" | "password" | "date" | "number";
  optional?: boolean;
  placeholder?: string;
  /** Suggestions, each with a remark. */
  list?: { value: string; remark: string }[];
  min?: string;
  max?: string;
}

export function Field({ label, value, onChange, hint, name, errors, type = "text", optional, placeholder, list, ...limits }: FieldProps) {
  const id = useId();
  const own = errors.filter(({ field }) => field === name);
  // The types of Preact know the attributes of each type of input, but not of one that varies.
  const kind = { type, ...limits } as { type: "text" };
  return (
    <div class="field">
      <label for={id}>
        {label} {optional && <small>optional</small>}
      </label>
      <input
        id={id}
        {...kind}
        value={value}
        placeholder={placeholder ?? ""}
        autocomplete="off"
        spellcheck={false}
        list={list ? `${id}-list` : undefined}
        aria-invalid={own.length > 0 || undefined}
        aria-describedby={`${id}-hint`}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      {list && (
        <datalist id={`${id}-list`}>
          {list.map((each) => (
            <option key={each.value} value={each.value}>
              {each.remark}
            </option>
          ))}
        </datalist>
      )}
      <div id={`${id}-hint`} class="hint">
        {own.map(({ message }) => (
          <p key={message} class="error">
            {label} {message}
          </p>
        ))}
        {hint && <div class="quiet">{hint}</div>}
      </div>
    </div>
  );
}

interface ChoiceProps<Value extends string> {
  label: string;
  value: Value;
  onChange: (value: Value) => void;
  choices: [Value, string][];
  hint?: ComponentChildren;
}

/** A choice of a few. */
export function Choice<Value extends string>({ label, value, onChange, choices, hint }: ChoiceProps<Value>) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value}
        aria-describedby={`${id}-hint`}
        onChange={(event) => onChange(event.currentTarget.value as Value)}
      >
        {choices.map(([each, words]) => (
          <option key={each} value={each}>
            {words}
          </option>
        ))}
      </select>
      <div id={`${id}-hint`} class="hint">
        {hint && <div class="quiet">{hint}</div>}
      </div>
    </div>
  );
}
