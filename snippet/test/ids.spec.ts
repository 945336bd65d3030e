import { expect, test } from "vitest";
import { idsOf } from "../src/ids";

test.each([
  ["", {}],
  ["_ga=GA1.1.1162820436.1749482504", { ga_client_id: "1162820436.1749482504" }],
  ["a=1; _ga=GA1.1-2.1162820436.1749482504; b=2", { ga_client_id: "1162820436.1749482504" }],
  ["shop_ga=GA1.2.11.22", { ga_client_id: "11.22" }],
  ["_ga=broken; _gat=1; _gid=GA1.2.33.44", {}],
  ["_ga_ABC=GS1.1.1746825440.14.0.1746825440.0.0.0", { ga_session_id: "1746825440" }],
  ["_ga_ABC=GS2.1.s1747132561$o1$g0$t1747132655$j0$l0$h0", { ga_session_id: "1747132561" }],
  ["_ga_ABC=GS2.1.o1$g0$t1747132655$s1747132561$j0", { ga_session_id: "1747132561" }],
  ["_ga_ABC=GS2.1-2.s1747132561$o1", { ga_session_id: "1747132561" }],
  ["_ga=GA1.1.1.2; _ga_ABC=GS2.1.s3$o1", { ga_client_id: "1.2", ga_session_id: "3" }],
  ["_ym_uid=1581234567890123456; _ym_d=1581234567", { ym_client_id: "1581234567890123456" }],
  ["not_ym_uid=1", {}],
  ["_fbp=fb.1.1795334400000.1098115397", { fbp: "fb.1.1795334400000.1098115397" }],
  ["_fbc=fb.1.1795334400000.IwAR0", { fbc: "fb.1.1795334400000.IwAR0" }],
  ["roistat_visit=123456", { roistat: "123456" }],
])("cookies %j give %j", (cookies, ids) => {
  expect(idsOf(cookies)).toEqual(ids);
});

test("Bitrix24's trace goes whole or not at all", () => {
  expect(idsOf("", '{"url":"x"}')).toEqual({ b24_trace: '{"url":"x"}' });
  expect(idsOf("", "x".repeat(4000))).toEqual({});
});
