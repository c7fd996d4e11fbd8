// One hour: what was read and written, its files, its rejected rows, its error and what to do.

import { useEffect, useRef, useState } from "preact/hooks";

import { type DataType, get, post, Problem, refusalOf, type Schemas, send } from "../api/client";
import { useResource } from "../api/resource";
import { bytes, count, NAMES, plural } from "../format";
import { Copy, FaultNote } from "../parts/fix";
import { Icon } from "../parts/icons";
import { Panel } from "../parts/panel";
import { Status } from "../parts/status";
import { At } from "../parts/time";
import { Loaded, Nothing } from "../parts/trouble";
import { Verdict } from "../parts/verdict";

type Hour = Schemas["OneHourView"];
type Verified = Schemas["VerifiedView"];

const EVERY = 15_000;
const EVERY_RUNNING = 3_000;
const REJECTED_MAX = 20;

interface HourPanelProps {
  destination: Schemas["DestinationView"];
  type: DataType;
  hour: string;
  linkTo: (hour: string) => string;
  onClose: () => void;
  onAgain: () => void;
  /** The hour has another state than before: the grid may be out of date. */
  onChanged: () => void;
}

export function HourPanel({ destination, type, hour, linkTo, onClose, onAgain, onChanged }: HourPanelProps) {
  const { id } = destination;
  const [moving, setMoving] = useState(false);
  const found = useResource(
    `${id} ${type} ${hour}`,
    (signal) =>
      send("get", "/destinations/{id}/hours/{hour}", { path: { id, hour }, query: { data_type: type }, signal }),
    { every: moving ? EVERY_RUNNING : EVERY },
  );
  const status = found.data?.status;
  const before = useRef(status);

  useEffect(() => {
    setMoving(status === "running");
    if (before.current !== undefined && status !== undefined && before.current !== status) onChanged();
    before.current = status;
  }, [status]);

  const missing = found.problem instanceof Problem && found.problem.status === 404 && found.data === null;
  return (
    <Panel hour={hour} onClose={onClose}>
      {missing ? (
        <Nothing title="There is nothing to show">
          <p>This hour is neither owed nor exported: it is not closed yet, or nothing had landed before it.</p>
        </Nothing>
      ) : (
        <Loaded of={found} lines={8}>
          {(data) => <Content destination={destination} of={data} linkTo={linkTo} onAgain={onAgain} />}
        </Loaded>
      )}
    </Panel>
  );
}

interface ContentProps {
  destination: Schemas["DestinationView"];
  of: Hour;
  linkTo: (hour: string) => string;
  onAgain: () => void;
}

function Content({ destination, of: hour, linkTo, onAgain }: ContentProps) {
  const { status, rows, requested_by: by, attempts, finished_at: finished, started_at: started } = hour;
  const done = status === "exported" || status === "empty";
  return (
    <div class="panel-body">
      <div class="row">
        <Status of={status} />
        <span>{NAMES[hour.data_type]}</span>
        <span class="steps-between">
          <Step to={hour.previous} label="Hour before" icon="left" linkTo={linkTo} />
          <Step to={hour.next} label="Hour after" icon="right" linkTo={linkTo} />
        </span>
      </div>
      {hour.error && (
        <FaultNote fault={hour.error}>
          {hour.retry_at !== null && (
            <span class="quiet">
              tried again at the first tick after <At at={hour.retry_at} />
            </span>
          )}
        </FaultNote>
      )}
      {hour.refused && (
        <>
          <h3>The last request to export it again was refused</h3>
          <FaultNote fault={hour.refused} />
        </>
      )}
      {hour.warning !== null && <p class="note warn">{hour.warning}</p>}
      {(done || rows.read > 0) && <Sum of={rows} />}
      <p class="quiet">
        {finished ? (
          <>
            Done <At at={finished} />
            {started && started !== finished && `, in ${duration(started, finished)}`}
          </>
        ) : started ? (
          <>
            Begun <At at={started} />
          </>
        ) : (
          "Not begun yet"
        )}
        {attempts > 1 && `, attempt ${count(attempts)}`}
        {by.startsWith("backfill:") ? ", by a backfill" : attempts > 0 ? ", by the schedule" : ""}
        {hour.amended > 0 && `. ${plural(hour.amended, "exported row")} lost a mistyped value`}.
      </p>
      {hour.filter_changed && <p class="note warn">The files were not made with the present filter. To apply it, export the hour again.</p>}
      <Files of={hour} destination={destination} />
      {hour.log !== null && (
        <p>
          <a href={hour.log} target="_blank" rel="noreferrer">
            Open its log in Log Analytics
          </a>
        </p>
      )}
      {(rows.rejected > 0 || hour.amended > 0) && <Rejected key={hour.hour} id={destination.id} of={hour} />}
      {destination.status !== "deleted" && (
        <Actions key={`${hour.hour} ${finished}`} id={destination.id} of={hour} onAgain={onAgain} />
      )}
    </div>
  );
}

interface StepProps {
  to: string | null;
  label: string;
  icon: "left" | "right";
  linkTo: (hour: string) => string;
}

function Step({ to, label, icon, linkTo }: StepProps) {
  if (to === null) return null;
  return (
    <a class="button bare-link" href={linkTo(to)} aria-label={label} title={label}>
      <Icon name={icon} />
    </a>
  );
}

/** Every row that was read is exported, filtered, a duplicate or rejected. */
function Sum({ of: rows }: { of: Schemas["RowsView"] }) {
  const parts = [
    { word: "exported", number: rows.exported },
    { word: "filtered", number: rows.filtered },
    { word: "duplicate", number: rows.duplicate },
    { word: "rejected", number: rows.rejected },
  ];
  return (
    <dl class="sum" aria-label="Rows">
      <div class="whole">
        <dt>rows read</dt>
        <dd>{count(rows.read)}</dd>
      </div>
      {parts.map(({ word, number }) => (
        <div key={word} class={number === 0 ? "zero" : ""}>
          <dt>{word}</dt>
          <dd>{count(number)}</dd>
        </div>
      ))}
    </dl>
  );
}

function Files({ of: { parts }, destination }: { of: Hour; destination: Schemas["DestinationView"] }) {
  if (parts.length === 0) return null;
  return (
    <section aria-labelledby="files">
      <h3 id="files">{plural(parts.length, "file")}</h3>
      <ul class="files">
        {parts.map((part) => (
          <li key={part.name}>
            <code>{part.name}</code>
            <span class="row quiet">
              {plural(part.rows, "row")} · {bytes(part.bytes)} · MD5 <code>{part.md5}</code>
            </span>
            <span class="row">
              <Copy bare text={part.name} label="Copy the name" />
              <Copy bare text={download(destination.storage, part.name)} label="Copy the download command" />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Rejected({ id, of: hour }: { id: string; of: Hour }) {
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState<string | null>(null);
  const [pages, setPages] = useState<Schemas["RejectedRowsView"][]>([]);
  const [failed, setFailed] = useState("");
  const reasons = Object.entries(hour.rejected_by_reason);

  const load = async (after: number | null, chosen: string | null): Promise<void> => {
    setFailed("");
    try {
      const page = await get("/destinations/{id}/hours/{hour}/rejected", {
        path: { id, hour: hour.hour },
        query: {
          data_type: hour.data_type,
          limit: REJECTED_MAX,
          ...(chosen !== null && { reason: chosen as Schemas["Reason"] }),
          ...(after !== null && { after }),
        },
      });
      setPages((old) => (after === null ? [page] : [...old, page]));
    } catch (error) {
      setFailed(refusalOf(error).message);
    }
  };
  useEffect(() => {
    if (open) void load(null, reason);
  }, [open, reason]);

  const next = pages.at(-1)?.next ?? null;
  return (
    <details class="rejected" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <h3>
          {[
            hour.rows.rejected > 0 ? `${count(hour.rows.rejected)} rejected` : "",
            hour.amended > 0 ? `${count(hour.amended)} amended` : "",
          ]
            .filter((each) => each !== "")
            .join(", ")}
        </h3>
      </summary>
      {reasons.length > 1 && (
        <div class="row" role="group" aria-label="Reason">
          {[null, ...reasons.map(([name]) => name)].map((name) => (
            <button key={name} type="button" class="small chip" aria-pressed={reason === name} onClick={() => setReason(name)}>
              {name ?? "all"}
              {name !== null && ` ×${count(hour.rejected_by_reason[name] ?? 0)}`}
            </button>
          ))}
        </div>
      )}
      {failed !== "" && <p class="error">{failed}</p>}
      <ol class="rows">
        {pages
          .flatMap(({ rows }) => rows)
          .map((row) => (
            <li key={row.number}>
              <p>
                <code>{row.reason}</code> <bdi>{row.detail}</bdi>
                {row.exported && <span class="quiet"> (exported without the value)</span>}
              </p>
              <p class="quiet">
                <bdi>{row.blob}</bdi>, line {count(row.line)}
              </p>
              <pre tabIndex={0} role="group" aria-label={`Row ${row.number}`}>
                {row.row ?? `base64: ${row.row_base64}`}
                {row.cut && "…"}
              </pre>
            </li>
          ))}
      </ol>
      {next !== null && (
        <button type="button" class="small" onClick={() => void load(next, reason)}>
          Show more
        </button>
      )}
    </details>
  );
}

function Actions({ id, of: hour, onAgain }: { id: string; of: Hour; onAgain: () => void }) {
  const [result, setResult] = useState<Verified | null>(null);
  const [failed, setFailed] = useState("");
  const [busy, setBusy] = useState(false);
  const verify = async (): Promise<void> => {
    setBusy(true);
    setFailed("");
    try {
      setResult(
        await post("/destinations/{id}/verify", {
          path: { id },
          body: { from: hour.hour, to: hour.hour, data_types: [hour.data_type], repair: false },
        }),
      );
    } catch (error) {
      setFailed(refusalOf(error).message);
    }
    setBusy(false);
  };
  return (
    <section aria-label="Actions">
      <div class="row">
        <button type="button" disabled={busy} onClick={() => void verify()}>
          {busy ? "Verifying…" : "Verify this hour"}
        </button>
        <button type="button" onClick={onAgain}>
          Export it again…
        </button>
      </div>
      <div role="status">
        {failed !== "" && <p class="error">{failed}</p>}
        {result !== null && <Verdict of={result} />}
      </div>
    </section>
  );
}

/** The command that downloads a file; in single quotes, because names have a # in them. */
function download(storage: Schemas["StorageView"], name: string): string {
  const account = /^https?:\/\/([a-z0-9]+)\.blob\./.exec(storage.account_url ?? "")?.[1] ?? "ACCOUNT";
  const file = name.split("/").at(-1) ?? name;
  return (
    `az storage blob download --auth-mode login --account-name ${account}` +
    ` --container-name ${quoted(storage.container)} --name ${quoted(name)} --file ${quoted(file)}`
  );
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}

function duration(from: string, to: string): string {
  const seconds = Math.round((Date.parse(to) - Date.parse(from)) / 1000);
  return seconds < 90 ? plural(seconds, "second") : plural(Math.round(seconds / 60), "minute");
}

