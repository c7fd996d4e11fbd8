// What a verification found.

import type { Schemas } from "../api/client";
import { hourShort, NAMES, plural } from "../format";
import { Icon } from "./icons";
import { Status } from "./status";

type Verified = Pick<Schemas["VerifiedView"], "hours" | "whole" | "wrong">;

export function Verdict({ of: { hours, whole, wrong } }: { of: Verified }) {
  if (wrong === 0) {
    return (
      <p class="verdict">
        {whole > 0 && <Status of="exported" label="whole" />}{" "}
        {whole > 0
          ? "The container has exactly what the marker, the ledger and landing say."
          : "There is nothing to compare: nothing is exported to this container, or it is running."}
      </p>
    );
  }
  return (
    <div class="note bad verdict">
      <p class="note-title">
        <Icon name="cross" /> The container differs in {plural(wrong, "hour")}
      </p>
      <ul class="errors">
        {hours.flatMap((each) =>
          each.findings.map((finding) => (
            <li key={`${each.hour} ${each.data_type} ${finding.code} ${finding.name}`}>
              {hourShort(each.hour)} <span class="quiet">{NAMES[each.data_type]}</span> <code>{finding.code}</code>{" "}
              <bdi>{finding.name}</bdi> {finding.detail}
            </li>
          )),
        )}
      </ul>
      <p>
        {hours.some(({ repairable }) => repairable)
          ? "Export the hours again to repair them."
          : "To export them again would lose rows, or is not needed."}
      </p>
    </div>
  );
}
