// Which source has to pull hours before a destination gets them, and whether something is wrong with it.

import { send } from "../api/client";
import { useResource } from "../api/resource";
import { plural } from "../format";
import { href } from "../router";
import { Status } from "./status";
import { HourTime } from "./time";

const EVERY = 15_000;

/** The newest hours are always with the source for a while: a note is for those that should be there by now. */
export function Held({ by: id }: { by: string }) {
  const found = useResource(`source ${id}`, (signal) => send("get", "/sources/{id}", { path: { id }, signal }), {
    every: EVERY,
  });
  if (found.data === null) return null;
  const { status, owed_hours: owed, failed_hours: failed, pulled_until: until } = found.data;
  const link = <a href={href(`/sources/${id}`)}>{id}</a>;
  const late = [owed > 0 ? `${plural(owed, "hour")} owed` : "", failed.length > 0 ? `${plural(failed.length, "hour")} failed` : ""];
  if (status === "active" && owed === 0 && failed.length === 0) {
    return (
      <p class="quiet">
        The source {link} has pulled all hours before <HourTime hour={until} />. Later ones are exported when it has pulled them.
      </p>
    );
  }
  return (
    <div class="note warn">
      <p>
        The source {link} holds hours open: <Status of={status} />
        {late.map((each) => each && ` · ${each}`)}
      </p>
      <p>They are exported when it has pulled them.</p>
    </div>
  );
}
