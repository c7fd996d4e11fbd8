// The verifications of a destination: compare its container with marker, ledger and landing, hour by hour.

import { useMemo, useState } from "preact/hooks";

import { get, newKey, post, type Schemas, refusalOf, send } from "../api/client";
import { count, NAMES, plural, range } from "../format";
import { hourKey, plusHours } from "../hours";
import { FaultNote } from "../parts/fix";
import { HourField } from "../parts/hour-field";
import { Jobs } from "../parts/jobs";
import { Status } from "../parts/status";
import { Ago } from "../parts/time";
import { Verdict } from "../parts/verdict";
import { href } from "../router";
import type { TabProps } from "../tabs";

type Listed = Schemas["ListedVerificationView"];

export function VerificationsTab({ destination }: TabProps) {
  const { id } = destination;
  const last = Object.values(destination.last_exported_hour).find((each) => each !== null) ?? hourKey(Date.now() - 2 * 3_600_000);
  const [turn, setTurn] = useState(0);
  return (
    <section aria-labelledby="verifications">
      <h2 id="verifications">Verifications</h2>
      <p class="quiet lead">Compares the container with the completion markers, the ledger and landing. It changes nothing.</p>
      {destination.status !== "deleted" && <Start id={id} last={last} onBegun={() => setTurn(turn + 1)} />}
      <Jobs
        key={turn}
        name={`verifications ${id}`}
        load={(query, signal) => send("get", "/destinations/{id}/verifications", { path: { id }, query, signal })}
        jobsOf={({ verifications }) => verifications}
        isOver={({ status }) => status !== "running"}
        none={{
          title: "None has run in the background yet",
          text: "A short range is answered above at once. A long one runs in the background, and is listed here.",
        }}
      >
        {(each) => <Line id={id} of={each} />}
      </Jobs>
    </section>
  );
}

function Start({ id, last, onBegun }: { id: string; last: string; onBegun: () => void }) {
  const [from, setFrom] = useState(plusHours(last, -23));
  const [to, setTo] = useState(last);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<string[]>([]);
  const [result, setResult] = useState<Schemas["VerifiedView"] | null>(null);
  const [answers, setAnswers] = useState(0);
  // The same request again, such as after a lost answer, begins one verification.
  const once = useMemo(() => newKey(), [from, to, answers]);
  const verify = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setFailed([]);
    setResult(null);
    try {
      const found = await post("/destinations/{id}/verify", {
        path: { id },
        body: { from, to, repair: false },
        headers: { "Idempotency-Key": once },
      });
      setAnswers(answers + 1);
      if ("status" in found) onBegun();
      else setResult(found);
    } catch (error) {
      const { message, errors } = refusalOf(error);
      setFailed(errors.length === 0 ? [message] : errors.map((each) => `${each.field} ${each.message}`));
    }
    setBusy(false);
  };
  return (
    <form class="verify" onSubmit={(event) => void verify(event)}>
      <HourField label="From" value={from} onChange={setFrom} />
      <HourField label="To, included" value={to} onChange={setTo} />
      <button type="submit" disabled={busy || from.length !== 13 || to.length !== 13}>
        {busy ? "Verifying…" : "Verify"}
      </button>
      <div role="status" class="whole">
        {failed.map((each) => (
          <p key={each} class="error">
            {each}
          </p>
        ))}
        {result && <Verdict of={result} />}
      </div>
    </form>
  );
}

function Line({ id, of: each }: { id: string; of: Listed }) {
  const [found, setFound] = useState<Schemas["VerificationView"] | null>(null);
  const [failed, setFailed] = useState("");
  const show = (): void => {
    get("/destinations/{id}/verifications/{verification_id}", { path: { id, verification_id: each.id } })
      .then(setFound)
      .catch((error: unknown) => setFailed(refusalOf(error).message));
  };
  return (
    <li class="job">
      <div class="row">
        <Status of={each.status} />
        <span>{range(each.from, each.to)}</span>
        <span class="quiet">
          {each.data_types.map((type) => NAMES[type]).join(" and ")} · asked for <Ago at={each.created_at} />
        </span>
      </div>
      <p class={each.wrong > 0 ? "error" : "quiet"}>
        {plural(each.checked, "hour")} checked, {count(each.wrong)} wrong
      </p>
      {each.error && <FaultNote fault={each.error} />}
      {each.repair !== null && <a href={href(`/destinations/${id}/backfills/${each.repair}`)}>The backfill that repairs it</a>}
      {found !== null ? (
        <Verdict of={found} />
      ) : (
        each.wrong > 0 && (
          <button type="button" class="small" onClick={show}>
            Show what is wrong
          </button>
        )
      )}
      {failed !== "" && <p class="error">{failed}</p>}
    </li>
  );
}
