// What is known of an event's fields and of the properties inside them: for suggestions, and for operators that fit.

import { send } from "./api/client";
import { useResource } from "./api/resource";
import { type Operator, OPERATORS, type ValueKind } from "./filter";

/** The kind of a field of the event; "object" is one whose values have kinds of their own. */
export type FieldKind = "text" | "number" | "boolean" | "time" | "object";

export type Fields = Map<string, FieldKind>;

/** Return the fields of an event, by name; empty until they are loaded. */
export function useFields(): Fields {
  const schemas = useResource("schemas", (signal) => send("get", "/schemas", { signal }));
  const found: Fields = new Map();
  const properties = (schemas.data?.events["properties"] ?? {}) as Record<string, unknown>;
  for (const [name, schema] of Object.entries(properties)) found.set(name, kindOf(schema));
  return found;
}

interface FieldSchema {
  type?: string | string[];
  pattern?: string;
}

function kindOf(schema: unknown): FieldKind {
  const { type, pattern } = schema as FieldSchema;
  const types = Array.isArray(type) ? type : [type];
  if (types.includes("object")) return "object";
  if (types.includes("boolean")) return "boolean";
  if (types.includes("integer") || types.includes("number")) return "number";
  // Of all texts, only times have a pattern.
  return pattern === undefined ? "text" : "time";
}

/** The kind of a property: of the field that it names or lies in; an unknown one may be anything. */
export function kindOfProperty(property: string, fields: Fields): FieldKind {
  return fields.get(property) ?? "object";
}

/** The operators that may hold for a property of a kind. */
export function operatorsFor(kind: FieldKind): Operator[] {
  const all = Object.keys(OPERATORS) as Operator[];
  if (kind === "object" || kind === "text") return all;
  const kinds = kind === "boolean" ? ["any", "presence"] : ["any", "presence", "order"];
  return all.filter((each) => kinds.includes(OPERATORS[each].of));
}

/** The kinds of values that an operator takes for a property, the likeliest first. */
export function valueKinds(operator: Operator, kind: FieldKind, seen: string[]): ValueKind[] {
  if (OPERATORS[operator].of === "text" || kind === "text" || kind === "time") return ["text"];
  if (kind === "boolean") return ["boolean"];
  if (kind === "number") return ["number"];
  const all: ValueKind[] = OPERATORS[operator].of === "order" ? ["number", "text"] : ["text", "number", "boolean"];
  const likely = all.filter((each) => seen.includes(each === "text" ? "string" : each));
  return [...likely, ...all.filter((each) => !likely.includes(each))];
}
