import { expect, test } from "vitest";
import { fold, watch } from "../src/consent";

const after = (...commands: unknown[][]) => {
  const signals: Record<string, string> = {};
  const actions = commands.map((command) => fold(signals, command));
  return { signals, actions };
};

const DENIED = { analytics_storage: "denied", ad_user_data: "denied", ad_personalization: "denied", ad_storage: "denied" };

test("an update lifts a default", () => {
  const update = { analytics_storage: "granted", ad_user_data: "granted" };
  expect(after(["consent", "default", DENIED], ["consent", "update", update])).toEqual({
    signals: { ...DENIED, ...update },
    actions: ["default", "update"],
  });
});

test.each([
  [[{ analytics_storage: "denied", region: ["DE"] }, { analytics_storage: "granted" }]],
  [[{ analytics_storage: "granted" }, { analytics_storage: "denied", region: ["DE"] }]],
])("of two defaults the stricter holds", (defaults) => {
  expect(after(...defaults.map((said) => ["consent", "default", said])).signals).toEqual({ analytics_storage: "denied" });
});

test("a command that says nothing about storage decides nothing", () => {
  expect(after(["consent", "update", { ad_storage: "granted" }], ["event", "page_view"]).actions).toEqual([undefined, undefined]);
});

test("it sees what stands in the data layer and what comes", () => {
  const layer: unknown[] = ["old"];
  const seen: unknown[] = [];
  watch(layer, (item) => seen.push(item));
  expect(layer.push("new", "newer")).toBe(3);
  expect(seen).toEqual(["old", "new", "newer"]);
  expect([...layer]).toEqual(["old", "new", "newer"]);
});
