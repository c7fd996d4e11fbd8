// Changes a saved destination: what a form shows is put over what is stored, so that nothing else is lost.

import { Problem, type Schemas, send } from "./api/client";

export type Model = Schemas["DestinationModel"];
type View = Schemas["DestinationView"];

/** Save some fields of a destination. If another request changes it at the same time, it is read again once. */
export async function change(id: string, changes: Partial<Model>, force = false): Promise<View> {
  for (let attempt = 1; ; attempt += 1) {
    const { body, etag } = await send("get", "/destinations/{id}", { path: { id } });
    try {
      const answer = await send("put", "/destinations/{id}", {
        path: { id },
        query: force ? { force: "true" } : {},
        // The API takes what it answers; the types of the two differ in what an answer always has.
        body: { ...(body as unknown as Model), ...changes },
        headers: { "If-Match": etag ?? "*" },
      });
      return answer.body as View;
    } catch (error) {
      if (!(error instanceof Problem && error.status === 412 && attempt === 1)) throw error;
    }
  }
}
