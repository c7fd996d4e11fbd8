// A filter as the builder shows it. From JSON and back nothing changes: not the order, not a nested "not".

import type { Schemas } from "./api/client";

export type Operator = Schemas["Operator"];
/** A number keeps its digits as a text if JavaScript would round it. */
export type Value = string | number | boolean | { rawJSON: string };

export interface Condition {
  kind: "condition";
  id: number;
  /** How many times it is negated: once as a rule, but JSON may say it twice. */
  nots: number;
  property: string;
  operator: Operator;
  values: Value[];
}

export interface Group {
  kind: "group";
  id: number;
  nots: number;
  mode: "all" | "any";
  items: Item[];
}

export type Item = Condition | Group;

export const LEVELS_MAX = 10;
export const CONDITIONS_MAX = 100;
export const OPERATORS: Record<Operator, { words: string; values: number; of: "text" | "order" | "any" | "presence" }> = {
  is: { words: "is", values: 1000, of: "any" },
  is_not: { words: "is not", values: 1000, of: "any" },
  contains: { words: "contains", values: 100, of: "text" },
  not_contains: { words: "does not contain", values: 100, of: "text" },
  starts_with: { words: "starts with", values: 100, of: "text" },
  matches: { words: "matches the pattern", values: 100, of: "text" },
  less: { words: "is less than", values: 1, of: "order" },
  less_or_equal: { words: "is at most", values: 1, of: "order" },
  greater: { words: "is greater than", values: 1, of: "order" },
  greater_or_equal: { words: "is at least", values: 1, of: "order" },
  is_set: { words: "is set", values: 0, of: "presence" },
  is_not_set: { words: "is not set", values: 0, of: "presence" },
};
const ALL_OPERATORS = Object.keys(OPERATORS) as Operator[];

let last = 0;

export function newCondition(property = ""): Condition {
  return { kind: "condition", id: ++last, nots: 0, property, operator: "is", values: [] };
}

export function newGroup(items: Item[] = [newCondition()], mode: "all" | "any" = "all"): Group {
  return { kind: "group", id: ++last, nots: 0, mode, items };
}

/** Why a JSON document is no filter that the builder can show; the API says more. */
export class NotAFilter extends Error {}

/** Return the tree of a filter's JSON document. */
export function fromJson(document: unknown): Item {
  if (!isObject(document)) throw new NotAFilter("A filter is an object: a condition, or all, any or not.");
  const keys = Object.keys(document);
  if (keys.includes("not")) {
    only(keys, ["not"]);
    const inner = fromJson(document["not"]);
    return { ...inner, nots: inner.nots + 1 };
  }
  for (const mode of ["all", "any"] as const) {
    if (keys.includes(mode)) {
      only(keys, [mode]);
      const items = document[mode];
      if (!Array.isArray(items)) throw new NotAFilter(`"${mode}" is a list of conditions.`);
      return newGroup(items.map(fromJson), mode);
    }
  }
  only(keys, ["property", "operator", "values"]);
  const { property, operator, values } = document;
  if (typeof property !== "string") throw new NotAFilter('A condition has a "property", which is a text.');
  if (!isOperator(operator)) throw new NotAFilter(`The "operator" of ${property} is one of ${ALL_OPERATORS.join(", ")}.`);
  if (values !== undefined && values !== null && !(Array.isArray(values) && values.every(isValue))) {
    throw new NotAFilter(`The "values" of ${property} are a list of texts, numbers, true and false.`);
  }
  return { ...newCondition(property), operator, values: (values as Value[] | null | undefined) ?? [] };
}

/** Return the JSON document of a tree, in the form in which the API shows it. */
export function toJson(item: Item): Record<string, unknown> {
  let document: Record<string, unknown>;
  if (item.kind === "group") {
    document = { [item.mode]: item.items.map(toJson) };
  } else {
    const { property, operator, values } = item;
    document = OPERATORS[operator].of === "presence" ? { property, operator } : { property, operator, values };
  }
  for (let not = 0; not < item.nots; not += 1) document = { not: document };
  return document;
}

/** Return the tree with one item replaced, or, for null, left out. */
export function replaced(root: Item, id: number, by: Item | null): Item | null {
  if (root.id === id) return by;
  if (root.kind === "condition") return root;
  const items = root.items.map((each) => replaced(each, id, by)).filter((each) => each !== null);
  return items.length === root.items.length && items.every((each, index) => each === root.items[index])
    ? root
    : { ...root, items };
}

export function conditions(item: Item): number {
  return item.kind === "condition" ? 1 : item.items.reduce((sum, each) => sum + conditions(each), 0);
}

export function levels(item: Item): number {
  return item.nots + 1 + (item.kind === "group" ? Math.max(0, ...item.items.map(levels)) : 0);
}

/** Whether every condition has what it needs: only then the API is asked. */
export function isComplete(item: Item): boolean {
  if (item.kind === "group") return item.items.length > 0 && item.items.every(isComplete);
  return item.property !== "" && (OPERATORS[item.operator].of === "presence" || item.values.length > 0);
}

/** A sentence for people and screen readers. */
export function sentence(item: Item, top = true): string {
  let text: string;
  if (item.kind === "group") {
    const parts = item.items.map((each) => sentence(each, false));
    text = parts.join(item.mode === "all" ? " and " : " or ");
    if (parts.length > 1 && (!top || item.nots > 0)) text = `(${text})`;
  } else {
    const { property, operator, values } = item;
    text = [property || "…", OPERATORS[operator].words, values.map(shown).join(" or ")].filter(Boolean).join(" ");
  }
  return "not ".repeat(item.nots) + text;
}

/** A value as people read it: texts in quotation marks, so that “1” is not taken for 1. */
export function shown(value: Value): string {
  return typeof value === "string" ? `“${value}”` : plain(value);
}

/** The characters of a value without marks. */
export function plain(value: Value): string {
  return typeof value === "object" ? value.rawJSON : String(value);
}

export type ValueKind = "text" | "number" | "boolean";

export function kindOf(value: Value): ValueKind {
  return typeof value === "string" ? "text" : typeof value === "boolean" ? "boolean" : "number";
}

// As JSON writes numbers; a comma is no part of one.
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Return what was typed as a value of a kind, or null if it is none. */
export function typed(text: string, kind: ValueKind): Value | null {
  if (kind === "text") return text;
  const trimmed = text.trim();
  if (kind === "boolean") return trimmed === "true" ? true : trimmed === "false" ? false : null;
  if (!NUMBER.test(trimmed)) return null;
  return exactNumber(trimmed);
}

/** A number, or its digits if JavaScript would round them. */
export function exactNumber(text: string): number | { rawJSON: string } {
  const number = Number(text);
  if (sameDigits(text, number)) return number;
  return rawJson === undefined ? number : rawJson(text);
}

// JSON.rawJSON writes digits as they are. Browsers before 2025 may lack it: there, such numbers are rounded.
const { rawJSON: rawJson, isRawJSON: isRawJson } = JSON as {
  rawJSON?: (text: string) => { rawJSON: string };
  isRawJSON?: (found: unknown) => boolean;
};

function sameDigits(text: string, number: number): boolean {
  return Number.isFinite(number) && digits(text) === digits(String(number));
}

/** The significant digits of a number, and where its decimal point stands. */
function digits(text: string): string {
  const [mantissa = "", exponent = "0"] = text.toLowerCase().replace(/^-/, "").split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const all = (whole + fraction).replace(/^0+/, "");
  const significant = all.replace(/0+$/, "");
  if (significant === "") return "0";
  const leading = (whole + fraction).length - all.length;
  return `${significant}e${whole.length - leading + Number(exponent)}`;
}

/** Parse JSON so that no number loses digits. */
export function parseExactly(text: string): unknown {
  // The third argument has the digits; browsers before 2025 may not give it.
  const exact = (_: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === "number" && context?.source !== undefined ? exactNumber(context.source) : value;
  return JSON.parse(text, exact as (key: string, value: unknown) => unknown);
}

function isObject(found: unknown): found is Record<string, unknown> {
  return typeof found === "object" && found !== null && !Array.isArray(found);
}

function isOperator(found: unknown): found is Operator {
  return typeof found === "string" && Object.hasOwn(OPERATORS, found);
}

function isValue(found: unknown): found is Value {
  if (typeof found === "object") return isRawJson?.(found) === true;
  return typeof found === "string" || typeof found === "number" || typeof found === "boolean";
}

function only(keys: string[], known: string[]): void {
  const extra = keys.find((key) => !known.includes(key));
  if (extra !== undefined) throw new NotAFilter(`“${extra}” cannot stand beside ${known.join(", ")}.`);
}
