// The tree of the filter builder: from JSON and back nothing changes, and nothing else is taken for a filter.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  conditions,
  exactNumber,
  fromJson,
  type Group,
  isComplete,
  type Item,
  levels,
  newCondition,
  newGroup,
  NotAFilter,
  type Operator,
  OPERATORS,
  parseExactly,
  replaced,
  sentence,
  toJson,
  typed,
} from "../src/filter";

const EXACT = "rawJSON" in JSON;
const VALUES = ["", "a", "1", "ü😀", '"\\', "true", 0, 1, -1, 0.5, 1e21, 2 ** 53 - 1, true, false];
const NAMES = ["event_type", "event_properties.cart.total", "user_properties.a\\.b", "groups.größe", "constructor"];

/** A generator of numbers from 0 to 1 that gives the same ones again. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

function randomFilter(roll: () => number, depth: number): unknown {
  const one = <T>(choices: readonly T[]): T => choices[Math.floor(roll() * choices.length)] as T;
  const kind = depth <= 1 ? 0 : roll();
  if (kind > 0.8) return { not: randomFilter(roll, depth - 1) };
  if (kind > 0.4) {
    const inner = Array.from({ length: 1 + Math.floor(roll() * 3) }, () => randomFilter(roll, depth - 1));
    return { [one(["all", "any"])]: inner };
  }
  const operator = one(Object.keys(OPERATORS) as Operator[]);
  const { values } = OPERATORS[operator];
  const head = { property: one(NAMES), operator };
  if (values === 0) return head;
  return { ...head, values: Array.from({ length: 1 + Math.floor(roll() * Math.min(values, 3)) }, () => one(VALUES)) };
}

test("from JSON and back, a filter is the same", () => {
  for (let seed = 1; seed <= 2_000; seed += 1) {
    const document = randomFilter(dice(seed), 5);
    assert.equal(JSON.stringify(toJson(fromJson(document))), JSON.stringify(document));
  }
});

test("numbers keep their digits", { skip: !EXACT }, () => {
  for (const digits of ["18446744073709551615", "9007199254740993", "0.30000000000000004", "12345678901234.567"]) {
    const text = `{"property":"groups.n","operator":"is","values":[${digits}]}`;
    assert.equal(JSON.stringify(toJson(fromJson(parseExactly(text)))), text);
  }
});

test("a number that JavaScript keeps is a number", () => {
  for (const digits of ["0", "-0.5", "100", "1e3", "0.1", "9007199254740991", "1.50"]) {
    assert.equal(exactNumber(digits), Number(digits));
  }
});

test("what is no filter is refused with a reason", () => {
  const wrong = [
    null,
    [],
    "x",
    {},
    { all: {} },
    { all: [], any: [] },
    { not: [] },
    { not: { property: "a", operator: "is_set" }, property: "b" },
    { property: 1, operator: "is" },
    { property: "a", operator: "equals", values: [1] },
    { property: "a", operator: "constructor", values: [1] },
    { property: "a", operator: "is", values: [null] },
    { property: "a", operator: "is", values: [{ rawJSON: "1" }] },
    { property: "a", operator: "is", values: [1], extra: 1 },
  ];
  for (const document of wrong) assert.throws(() => fromJson(document), NotAFilter, JSON.stringify(document));
});

test("what was typed is a value of its kind or none", () => {
  assert.deepEqual(
    [typed("1", "text"), typed(" 1 ", "number"), typed("true", "boolean"), typed("-1.5e2", "number")],
    ["1", 1, true, -150],
  );
  for (const text of ["", "1,5", "0x1", "01", "NaN", "Infinity", "1.", "+1"]) assert.equal(typed(text, "number"), null);
  assert.equal(typed("yes", "boolean"), null);
});

test("one item is replaced, the others stay the same objects", () => {
  const [first, second] = [newCondition("a"), newCondition("b")];
  const inner = newGroup([second], "any");
  const root = newGroup([first, inner]);
  const changed = replaced(root, second.id, { ...second, property: "c" }) as Group;
  assert.equal(changed.items[0], first);
  assert.deepEqual(toJson(changed.items[1] as Item), { any: [{ property: "c", operator: "is", values: [] }] });
  assert.equal((replaced(root, inner.id, null) as Group).items.length, 1);
  assert.equal(replaced(root, 0, null), root);
  assert.equal(replaced(root, root.id, null), null);
});

test("a filter is counted and read as a sentence", () => {
  const root = fromJson({
    all: [
      { property: "event_type", operator: "is", values: ["purchase", "refund"] },
      { not: { any: [{ property: "cart", operator: "less", values: [10] }, { property: "x", operator: "is_set" }] } },
    ],
  });
  assert.deepEqual([conditions(root), levels(root), isComplete(root)], [3, 4, true]);
  assert.equal(
    sentence(root),
    "event_type is “purchase” or “refund” and not (cart is less than 10 or x is set)",
  );
  assert.equal(isComplete(newGroup()), false);
});
