// Builds a filter: conditions in nested groups, as fields or as JSON. Problems that the API finds stand at their place.

import { createContext } from "preact";
import { useContext, useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import type { Schemas } from "../api/client";
import { type Fields, kindOfProperty, operatorsFor, valueKinds } from "../fields";
import {
  type Condition,
  CONDITIONS_MAX,
  conditions,
  fromJson,
  type Group,
  type Item,
  kindOf,
  levels,
  LEVELS_MAX,
  newCondition,
  newGroup,
  NotAFilter,
  type Operator,
  OPERATORS,
  parseExactly,
  plain,
  replaced,
  sentence,
  shown,
  toJson,
  typed,
  type Value,
  type ValueKind,
} from "../filter";
import { count } from "../format";
import { Icon } from "./icons";

type Seen = Schemas["SeenPropertyView"];
export type Errors = Schemas["ErrorView"][];

interface BuilderProps {
  /** The filter; null for every event. */
  value: Item | null;
  onChange: (value: Item | null) => void;
  /** Properties that rows have, the most frequent first. */
  seen: Seen[];
  fields: Fields;
  /** What the API says is wrong, by path. */
  errors: Errors;
  /** The path of the filter in the request of which the errors are: "filter" or "events.filter". */
  place: string;
}

interface Around {
  seen: Map<string, Seen>;
  fields: Fields;
  errors: Errors;
  names: string;
  /** Whether the whole filter may have another condition. */
  roomy: boolean;
  change: (id: number, by: Item | null) => void;
  /** Give the focus to the field of an item when it is there, or to the whole filter. */
  focus: (id: number) => void;
}

// No item has this id.
const WHOLE = 0;

const Surroundings = createContext<Around | null>(null);

function useSurroundings(): Around {
  const found = useContext(Surroundings);
  if (found === null) throw new Error("outside of a filter builder");
  return found;
}

export function FilterBuilder({ value, onChange, seen, fields, errors, place }: BuilderProps) {
  const [asJson, setAsJson] = useState(false);
  const names = useId();
  const box = useRef<HTMLDivElement>(null);
  const toFocus = useRef<number | null>(null);
  // A layout effect, as wherever the focus moves: a key that is pressed right after goes to the new place.
  useLayoutEffect(() => {
    if (toFocus.current === null) return;
    const item = box.current?.querySelector<HTMLElement>(`[data-item="${toFocus.current}"]`);
    (item ?? box.current)?.focus();
    toFocus.current = null;
  });
  const begin = (): void => {
    const first = newCondition();
    toFocus.current = first.id;
    onChange(newGroup([first]));
  };
  const used = value === null ? 0 : conditions(value);
  const around: Around = {
    seen: new Map(seen.map((each) => [each.property, each])),
    fields,
    errors,
    names,
    roomy: used < CONDITIONS_MAX,
    change: (id, by) => value !== null && onChange(tidy(replaced(value, id, by))),
    focus: (id) => {
      toFocus.current = id;
    },
  };
  const ofWhole = errors.filter(({ field }) => field === place);
  return (
    <div class="builder" ref={box} tabIndex={-1} role="group" aria-label="Filter">
      <div class="builder-head">
        <div class="switch" role="group" aria-label="Show the filter as">
          <button type="button" aria-pressed={!asJson} onClick={() => setAsJson(false)}>
            Fields
          </button>
          <button type="button" aria-pressed={asJson} onClick={() => setAsJson(true)}>
            JSON
          </button>
        </div>
        {value !== null && (
          <>
            <span class="quiet">
              {count(used)} of {CONDITIONS_MAX} conditions, {count(levels(value))} of {LEVELS_MAX} levels
            </span>
            <button type="button" class="bare text" onClick={() => onChange(null)}>
              Remove the filter
            </button>
          </>
        )}
      </div>
      {ofWhole.map(({ message }) => (
        <p key={message} class="error">
          The filter {message}
        </p>
      ))}
      {asJson ? (
        <JsonView value={value} onChange={onChange} errors={errors} />
      ) : value === null ? (
        <div class="builder-empty">
          <p>Every event is exported.</p>
          <button type="button" onClick={begin}>
            <Icon name="plus" size={14} /> Add a condition
          </button>
        </div>
      ) : (
        <Surroundings.Provider value={around}>
          <Node item={value} place={place} depth={1} />
          {value.kind === "condition" && (
            <Add
              depth={1}
              onAdd={(item) => {
                around.focus(firstOf(item));
                onChange(newGroup([value, item]));
              }}
            />
          )}
        </Surroundings.Provider>
      )}
      <datalist id={names}>
        {seen.map(({ property, kinds, rows }) => (
          <option key={property} value={property}>
            {`${kinds.join(" or ")}, in ${count(rows)} rows`}
          </option>
        ))}
        {[...fields]
          .filter(([name, kind]) => kind !== "object" && !around.seen.has(name))
          .map(([name, kind]) => (
            <option key={name} value={name}>
              {kind}
            </option>
          ))}
      </datalist>
    </div>
  );
}

/** A group that lost its last item is gone, too. */
function tidy(item: Item | null): Item | null {
  if (item === null || item.kind === "condition") return item;
  const items = item.items.map(tidy).filter((each) => each !== null);
  return items.length === 0 ? null : { ...item, items };
}

function firstOf(item: Item): number {
  return item.kind === "condition" ? item.id : firstOf(item.items[0] ?? newCondition());
}

function Node({ item, place, depth }: { item: Item; place: string; depth: number }) {
  const inner = place + ".not".repeat(item.nots);
  return item.kind === "group" ? (
    <GroupNode group={item} place={inner} depth={depth + item.nots} />
  ) : (
    <ConditionNode condition={item} place={inner} />
  );
}

function GroupNode({ group, place, depth }: { group: Group; place: string; depth: number }) {
  const { change, errors, focus } = useSurroundings();
  const own = errors.filter(({ field }) => field === place || field === `${place}.${group.mode}`);
  return (
    <fieldset class="group">
      <legend class="hidden">Group: {sentence(group)}</legend>
      <div class="group-head">
        <Negation item={group} what="this group" />
        <select
          aria-label="The group holds if"
          value={group.mode}
          onChange={(event) => change(group.id, { ...group, mode: event.currentTarget.value as Group["mode"] })}
        >
          <option value="all">all of these hold</option>
          <option value="any">any of these holds</option>
        </select>
        {depth > 1 && <Remove item={group} what="this group" />}
      </div>
      {own.map(({ message }) => (
        <p key={message} class="error">
          {message}
        </p>
      ))}
      {group.items.map((each, index) => (
        <Node key={each.id} item={each} place={`${place}.${group.mode}.${index}`} depth={depth + 1} />
      ))}
      <Add
        depth={depth}
        onAdd={(item) => {
          focus(firstOf(item));
          change(group.id, { ...group, items: [...group.items, item] });
        }}
      />
    </fieldset>
  );
}

function Add({ depth, onAdd }: { depth: number; onAdd: (item: Item) => void }) {
  const { roomy } = useSurroundings();
  return (
    <div class="row">
      <button type="button" class="small" disabled={!roomy} onClick={() => onAdd(newCondition())}>
        <Icon name="plus" size={14} /> Condition
      </button>
      {depth < LEVELS_MAX - 1 && (
        <button
          type="button"
          class="small"
          disabled={!roomy}
          onClick={() => onAdd(newGroup([newCondition()], "any"))}
        >
          <Icon name="plus" size={14} /> Group
        </button>
      )}
    </div>
  );
}

function Negation({ item, what }: { item: Item; what: string }) {
  const { change } = useSurroundings();
  return (
    <button
      type="button"
      class="chip not"
      aria-pressed={item.nots > 0}
      onClick={() => change(item.id, { ...item, nots: item.nots > 0 ? 0 : 1 })}
    >
      {item.nots > 1 ? `not ×${item.nots}` : "not"}
      <span class="hidden"> {what}</span>
    </button>
  );
}

function Remove({ item, what }: { item: Item; what: string }) {
  const { change, focus } = useSurroundings();
  const remove = (): void => {
    focus(WHOLE);
    change(item.id, null);
  };
  return (
    <button type="button" class="bare remove" aria-label={`Remove ${what}`} onClick={remove}>
      <Icon name="cross" />
    </button>
  );
}

function ConditionNode({ condition, place }: { condition: Condition; place: string }) {
  const { seen, fields, errors, names, change } = useSurroundings();
  const [wrongId] = [useId()];
  const { id, property, operator } = condition;
  const kind = kindOfProperty(property, fields);
  const possible = operatorsFor(kind);
  const own = errors.filter(({ field }) => field === place || field.startsWith(`${place}.`));
  const wrong = (part: string): boolean => own.some(({ field }) => field.startsWith(`${place}.${part}`));
  const choose = (chosen: Operator): void => {
    const values = condition.values.slice(0, OPERATORS[chosen].values);
    change(id, { ...condition, operator: chosen, values });
  };
  return (
    <fieldset class="condition" aria-describedby={own.length > 0 ? wrongId : undefined}>
      <legend class="hidden">Condition: {sentence(condition)}</legend>
      <Negation item={condition} what="this condition" />
      <input
        class="property"
        data-item={id}
        aria-label="Property"
        aria-invalid={wrong("property") || undefined}
        placeholder="event_type"
        list={names}
        value={property}
        autocomplete="off"
        spellcheck={false}
        maxLength={1024}
        onInput={(event) => change(id, { ...condition, property: event.currentTarget.value })}
      />
      <select
        aria-label="Operator"
        aria-invalid={wrong("operator") || undefined}
        value={operator}
        onChange={(event) => choose(event.currentTarget.value as Operator)}
      >
        {(possible.includes(operator) ? possible : [...possible, operator]).map((each) => (
          <option key={each} value={each}>
            {OPERATORS[each].words}
          </option>
        ))}
      </select>
      {OPERATORS[operator].values > 0 && (
        <Values
          condition={condition}
          kinds={valueKinds(operator, kind, seen.get(property)?.kinds ?? [])}
          suggested={seen.get(property)?.values ?? []}
          wrong={wrong("values")}
          example={kind === "time" ? "2026-01-31 13:20:00" : ""}
        />
      )}
      <Remove item={condition} what={`the condition ${sentence(condition)}`} />
      {own.length > 0 && (
        <ul class="error condition-errors" id={wrongId}>
          {own.map(({ field, message }) => (
            <li key={field}>
              {named(field.slice(place.length + 1), condition)} {message}
            </li>
          ))}
        </ul>
      )}
    </fieldset>
  );
}

/** What an error is about: "values.1" is the second value. */
function named(part: string, { values }: Condition): string {
  const [name = "", index] = part.split(".");
  const value = name === "values" && index !== undefined ? values[Number(index)] : undefined;
  if (value !== undefined) return `The value ${shown(value)}`;
  return { property: "The property", operator: "The operator", values: "The list of values" }[name] ?? "The condition";
}

interface ValuesProps {
  condition: Condition;
  kinds: ValueKind[];
  suggested: Seen["values"];
  wrong: boolean;
  example: string;
}

const KIND_WORDS: Record<ValueKind, string> = { text: "text", number: "number", boolean: "true or false" };

function Values({ condition, kinds, suggested, wrong, example }: ValuesProps) {
  const { change } = useSurroundings();
  const { id, operator, values } = condition;
  const [chosen, setChosen] = useState<ValueKind | null>(null);
  const [text, setText] = useState("");
  const [refused, setRefused] = useState(false);
  const list = useId();
  const last = values.at(-1);
  const kind = [chosen, last === undefined ? null : kindOf(last)].find((each) => each && kinds.includes(each)) ?? kinds[0] ?? "text";
  const full = values.length >= OPERATORS[operator].values;

  const add = (lines: string[]): boolean => {
    const read = lines.map((line) => typed(line, kind));
    if (read.includes(null)) return false;
    const room = OPERATORS[operator].values - values.length;
    const fresh = (read as Value[]).filter((each) => !values.some((known) => known === each));
    change(id, { ...condition, values: [...values, ...fresh.slice(0, room)] });
    return true;
  };
  const enter = (): void => {
    if (text === "") return;
    const done = add([text]);
    setRefused(!done);
    if (done) setText("");
  };
  const paste = (event: ClipboardEvent): void => {
    const lines = (event.clipboardData?.getData("text") ?? "").split(/\r?\n/).filter((line) => line !== "");
    if (lines.length < 2) return;
    event.preventDefault();
    setRefused(!add(lines));
  };
  return (
    <div class="values">
      {values.length > 0 && (
        <ul class="chips" aria-label="Values">
          {values.map((value, index) => (
            <li key={`${kindOf(value)} ${plain(value)}`} class="value">
              <span>{shown(value)}</span>
              <button
                type="button"
                class="bare"
                aria-label={`Remove the value ${shown(value)}`}
                onClick={() => change(id, { ...condition, values: values.filter((_, at) => at !== index) })}
              >
                <Icon name="cross" size={12} />
              </button>
            </li>
          ))}
        </ul>
      )}
      {!full && (
        <div class="value-entry">
          {kind === "boolean" ? (
            <select
              aria-label="Add a value"
              value=""
              onChange={(event) => event.currentTarget.value !== "" && add([event.currentTarget.value])}
            >
              <option value="">choose…</option>
              <option value="true">true</option>
              <option value="false">false</option>
            </select>
          ) : (
            <input
              aria-label="Add a value"
              aria-invalid={wrong || refused || undefined}
              placeholder={example || (values.length === 0 ? "value, then Enter" : "another value")}
              list={list}
              value={text}
              autocomplete="off"
              spellcheck={false}
              maxLength={1024}
              onInput={(event) => {
                setText(event.currentTarget.value);
                setRefused(false);
              }}
              onKeyDown={(event) => {
                if (event.key === "Enter") {
                  event.preventDefault();
                  enter();
                }
              }}
              onPaste={paste}
              onBlur={enter}
            />
          )}
          {kinds.length > 1 && (
            <select
              aria-label="Kind of the value"
              value={kind}
              onChange={(event) => setChosen(event.currentTarget.value as ValueKind)}
            >
              {kinds.map((each) => (
                <option key={each} value={each}>
                  {KIND_WORDS[each]}
                </option>
              ))}
            </select>
          )}
          <datalist id={list}>
            {suggested
              .filter((each) => kindOf(each) === kind)
              .map((each) => (
                <option key={plain(each)} value={plain(each)} />
              ))}
          </datalist>
        </div>
      )}
      {refused && <p class="error">This is not a {KIND_WORDS[kind]}.</p>}
    </div>
  );
}

function JsonView({ value, onChange, errors }: Pick<BuilderProps, "value" | "onChange" | "errors">) {
  const written = value === null ? "" : JSON.stringify(toJson(value), null, 2);
  const [text, setText] = useState(written);
  const [problem, setProblem] = useState("");
  const id = useId();
  const change = (changed: string): void => {
    setText(changed);
    setProblem("");
    try {
      const document = changed.trim() === "" ? null : parseExactly(changed);
      onChange(document === null ? null : fromJson(document));
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof NotAFilter)) throw error;
      setProblem(error instanceof SyntaxError ? `This is not JSON yet: ${error.message}.` : error.message);
    }
  };
  return (
    <div class="json">
      <label for={id}>The filter as JSON</label>
      <textarea
        id={id}
        rows={Math.max(10, text.split("\n").length + 1)}
        spellcheck={false}
        aria-invalid={problem !== "" || undefined}
        aria-describedby={`${id}-note`}
        value={text}
        onInput={(event) => change(event.currentTarget.value)}
      />
      <div id={`${id}-note`} role="status">
        {problem === "" ? (
          <p class="quiet">As in the field events.filter of the API. Empty: every event is exported.</p>
        ) : (
          <p class="error">{problem}</p>
        )}
        {errors.map(({ field, message }) => (
          <p key={field} class="error">
            <code>{field}</code> {message}
          </p>
        ))}
      </div>
    </div>
  );
}
