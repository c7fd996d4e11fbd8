// A source as a form has it, in texts, and as the API takes it.

import type { Schemas } from "./api/client";

type View = Schemas["SourceView"];
type Model = Schemas["SourceModel"];

export interface SourceForm {
  id: string;
  project_id: string;
  region: View["region"];
  base_url: string;
  api_key: string;
  secret_key: string;
  /** An hour, or empty. */
  start: string;
  lag_minutes: string;
  repull_hours: string;
}

export function emptySource(): SourceForm {
  return {
    id: "",
    project_id: "",
    region: "us",
    base_url: "",
    api_key: "",
    secret_key: "",
    start: "",
    lag_minutes: "120",
    repull_hours: "24, 72",
  };
}

export function formOf(source: View): SourceForm {
  return {
    id: source.id,
    project_id: String(source.project_id),
    region: source.region,
    base_url: source.base_url ?? "",
    api_key: source.api_key,
    secret_key: "",
    start: source.start,
    lag_minutes: String(source.lag_minutes),
    repull_hours: source.repull_hours.join(", "),
  };
}

/** The body of a request. What is no number is sent as it was typed: the API says what is wrong with it. */
export function modelOf(form: SourceForm): Model {
  const { start, secret_key: secret, base_url: url } = form;
  return {
    type: "amplitude_export",
    project_id: number(form.project_id),
    region: form.region,
    base_url: url.trim() === "" ? null : url.trim(),
    api_key: form.api_key.trim(),
    ...(secret.trim() !== "" && { secret_key: secret.trim() }),
    ...(start !== "" && { start }),
    lag_minutes: number(form.lag_minutes),
    repull_hours: form.repull_hours
      .split(",")
      .filter((each) => each.trim() !== "")
      .map(number),
  };
}

function number(text: string): number {
  const trimmed = text.trim();
  return /^\d{1,15}$/.test(trimmed) ? Number(trimmed) : (trimmed as unknown as number);
}
