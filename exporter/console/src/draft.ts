// A destination that is being made or changed, as its form holds it. It stays in memory; a reload forgets it.

import { signal } from "@preact/signals";

import type { Schemas } from "./api/client";
import type { Model } from "./edit";
import { type Item, toJson } from "./filter";

export type CredentialsType = Schemas["CredentialsType"];
export type Output = Schemas["OutputView"];

export interface Credentials {
  type: CredentialsType;
  tenant_id: string;
  client_id: string;
  /** What was typed. An empty one keeps the secret that is stored. */
  secret: string;
}

export interface Storage {
  account_url: string;
  container: string;
  prefix: string;
}

export interface Draft {
  name: string;
  id: string;
  /** Whether the id was typed: else it follows the name. */
  ownId: boolean;
  events: boolean;
  project: string;
  filter: Item | null;
  merged: boolean;
  organization: string;
  output: Output;
  credentials: Credentials;
  storage: Storage;
  /** The first day whose events are exported; empty for the day of activation. */
  from: string;
  /** Whether it is saved already: then it is replaced, not created. */
  saved: boolean;
}

export const OUTPUT: Output = {
  name_style: "amplitude",
  path_layout: "flat",
  timestamp_format: "iso8601",
  extra_keys: "drop",
  completion_marker: true,
  max_part_mib: 256,
  compression: "balanced",
};

export const EMPTY: Draft = {
  name: "",
  id: "",
  ownId: false,
  events: true,
  project: "",
  filter: null,
  merged: false,
  organization: "",
  output: OUTPUT,
  credentials: { type: "service_principal", tenant_id: "", client_id: "", secret: "" },
  storage: { account_url: "", container: "", prefix: "" },
  from: "",
  saved: false,
};

/** The destination of the wizard. */
export const draft = signal<Draft>(EMPTY);

export function edit(changes: Partial<Draft>): void {
  draft.value = { ...draft.value, ...changes };
}

/** An id made of a name: 1 to 63 of a-z, 0-9 and hyphens. */
export function idOf(name: string): string {
  const plain = name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return plain.replace(/[^a-z0-9]+/g, "-").replace(/^-+/, "").slice(0, 63).replace(/-+$/, "");
}

/** A project or an organization: a number that JavaScript keeps exactly, or null. */
export function sourceId(text: string): number | null {
  const trimmed = text.trim();
  const found = Number(trimmed);
  return /^[1-9]\d*$/.test(trimmed) && Number.isSafeInteger(found) ? found : null;
}

export function credentialsModel({ type, tenant_id, client_id, secret }: Credentials): Model["credentials"] {
  const typed = secret.trim();
  switch (type) {
    case "service_principal":
      return { type, tenant_id: tenant_id.trim(), client_id: client_id.trim(), ...(typed && { client_secret: typed }) };
    case "workload_identity":
      return { type, tenant_id: tenant_id.trim(), client_id: client_id.trim() };
    case "managed_identity":
      return { type, ...(client_id.trim() && { client_id: client_id.trim() }) };
    case "sas":
      return { type, ...(typed && { sas_token: typed }) };
    case "connection_string":
      return { type, ...(typed && { connection_string: typed }) };
  }
}

export function storageModel({ account_url, container, prefix }: Storage): Model["storage"] {
  const url = account_url.trim();
  return { ...(url && { account_url: url }), container: container.trim(), prefix: prefix.trim() };
}

/** The request that creates or tests the destination. */
export function modelOf(of: Draft): Model {
  const project = of.events ? sourceId(of.project) : null;
  const organization = of.merged ? sourceId(of.organization) : null;
  const filter = of.filter === null ? {} : { filter: toJson(of.filter) as unknown as Schemas["FilterNode"] };
  return {
    id: of.id,
    name: of.name.trim(),
    ...(project !== null && { events: { project_id: project, ...filter } }),
    ...(organization !== null && { merged_ids: { org_id: organization } }),
    storage: storageModel(of.storage),
    credentials: credentialsModel(of.credentials),
    output: of.output,
  };
}

/** The step of the wizard at which a field of the request is. */
export function stepOfField(field: string): string {
  if (field.startsWith("events.filter")) return "filter";
  const [first = ""] = field.split(".");
  return { storage: "container", credentials: "credentials", output: "schema" }[first] ?? "data";
}

// Codes that begin so are about who signs in; all others that a test upload has are about the container.
const OF_CREDENTIALS = ["secret_", "client_", "tenant_", "sign_in_", "identity_", "clock_", "key_not_permitted"];

/** The step of the wizard at which the fault of a test upload is repaired. */
export function stepOfFault(code: string, type: CredentialsType): string {
  // A signature has its permissions in itself; an application gets them on the container.
  if (code === "missing_action" && type === "sas") return "credentials";
  return OF_CREDENTIALS.some((each) => code.startsWith(each)) ? "credentials" : "container";
}

/** The names of the first files of an hour, as these settings make them. */
export function exampleNames(of: Draft): string[] {
  const { path_layout: layout, name_style: style, completion_marker: marker } = of.output;
  const prefix = of.storage.prefix.trim() === "" ? "" : `${of.storage.prefix.trim()}/`;
  const project = sourceId(of.project) ?? 187520;
  const organization = sourceId(of.organization) ?? 189524;
  const folder = (name: string, id: number): string =>
    layout === "flat"
      ? ""
      : layout === "by_project"
        ? `${name === "org_id" ? "-" : ""}${id}/`
        : `${name}=${id}/date=2026-01-31/hour=17/`;
  const names: string[] = [];
  if (of.events) {
    const stem = `${prefix}${folder("project_id", project)}${project}_2026-01-31_17`;
    names.push(`${stem}${style === "safe" ? "_" : "#"}1.json.gz`, ...(marker ? [`${stem}_complete`] : []));
  }
  if (of.merged) {
    const stem = `${prefix}${folder("org_id", organization)}-${organization}_2026-01-31_17`;
    names.push(`${stem}.json.gz`, ...(marker ? [`${stem}_complete`] : []));
  }
  return names;
}
