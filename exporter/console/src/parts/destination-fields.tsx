// The fields of a destination that the wizard and the tab Configuration share: credentials, container, files.

import type { ComponentChildren } from "preact";

import type { Credentials, CredentialsType, Output, Storage } from "../draft";
import { Choice, Field } from "./field";
import type { Errors } from "./filter-builder";
import { Command } from "./fix";

const TYPES: [CredentialsType, string][] = [
  ["service_principal", "Service principal (recommended)"],
  ["workload_identity", "Application that trusts the identity of the exporter (no secret)"],
  ["managed_identity", "Managed identity of the exporter"],
  ["sas", "Shared access signature of the container"],
  ["connection_string", "Connection string with an account key"],
];
const SECRETS: Partial<Record<CredentialsType, { label: string; name: string; hint: string }>> = {
  service_principal: {
    label: "Client secret",
    name: "client_secret",
    hint: "The secret’s value. Its ID, which the portal shows beside it, does not work.",
  },
  sas: {
    label: "SAS token",
    name: "sas_token",
    hint: "With the permissions rwdl: read, write, delete and list. It begins with sv= and has an end.",
  },
  connection_string: {
    label: "Connection string",
    name: "connection_string",
    hint: "The account key in it opens the whole account. It names the account, too.",
  },
};

interface CredentialsProps {
  value: Credentials;
  onChange: (value: Credentials) => void;
  errors: Errors;
  storage: Storage;
  /** The type of the stored credentials, whose secret is kept if none is typed; null for a new destination. */
  stored: CredentialsType | null;
}

export function CredentialsFields({ value, onChange, errors, storage, stored }: CredentialsProps) {
  const { type } = value;
  const secret = SECRETS[type];
  const set = (changes: Partial<Credentials>): void => onChange({ ...value, ...changes });
  return (
    <>
      <Choice label="How the exporter signs in" value={type} choices={TYPES} onChange={(chosen) => set({ type: chosen, secret: "" })} />
      {(type === "service_principal" || type === "workload_identity") && (
        <Field
          label="Directory (tenant) ID"
          name="credentials.tenant_id"
          value={value.tenant_id}
          errors={errors}
          placeholder="00000000-0000-0000-0000-000000000000"
          onChange={(tenant_id) => set({ tenant_id })}
        />
      )}
      {(type === "service_principal" || type === "workload_identity" || type === "managed_identity") && (
        <Field
          label={type !== "managed_identity" ? "Application (client) ID" : "Client ID"}
          name="credentials.client_id"
          value={value.client_id}
          errors={errors}
          optional={type === "managed_identity"}
          placeholder="00000000-0000-0000-0000-000000000000"
          hint={type === "managed_identity" && "Of a user-assigned identity; empty for the system-assigned one."}
          onChange={(client_id) => set({ client_id })}
        />
      )}
      {secret && (
        <Field
          label={secret.label}
          name={`credentials.${secret.name}`}
          type="password"
          value={value.secret}
          errors={errors}
          optional={stored === type}
          hint={`${secret.hint}${stored === type ? " Empty: the stored one stays." : ""}`}
          onChange={(typed) => set({ secret: typed })}
        />
      )}
      <Commands title="What the customer runs for it" of={signInCommands(value, storage)} />
    </>
  );
}

function Commands({ title, of: commands, children }: { title: string; of: string[]; children?: ComponentChildren }) {
  if (commands.length === 0) return null;
  return (
    <details class="commands">
      <summary>{title}</summary>
      {children}
      {commands.map((each) => (
        <Command key={each} text={each} />
      ))}
    </details>
  );
}

/** The name of the account in an address, or a word to replace. */
function accountOf({ account_url: url }: Storage): string {
  return /^https:\/\/([a-z0-9]+)\./.exec(url.trim())?.[1] ?? "ACCOUNT";
}

function signInCommands({ type, client_id: client }: Credentials, storage: Storage): string[] {
  const account = accountOf(storage);
  const container = storage.container.trim() || "CONTAINER";
  switch (type) {
    case "service_principal": {
      const reset = "--append --years 1 --query '{client_id:appId, client_secret:password, tenant_id:tenant}'";
      if (client.trim() !== "") return [`az ad app credential reset --id ${client.trim()} ${reset}`];
      return [
        "az ad app create --display-name 'Raw event export' --query appId --output tsv",
        "az ad sp create --id CLIENT_ID",
        `az ad app credential reset --id CLIENT_ID ${reset}`,
      ];
    }
    case "workload_identity":
    case "managed_identity":
      return [];
    case "sas":
      return [
        `az storage container generate-sas --account-name ${account} --name ${container} --permissions rwdl` +
          " --https-only --expiry YYYY-MM-DD --output tsv",
      ];
    case "connection_string":
      return [`az storage account show-connection-string --name ${account} --resource-group GROUP --query connectionString --output tsv`];
  }
}

function containerCommands(storage: Storage, { type, client_id: client }: Credentials): string[] {
  const account = accountOf(storage);
  const container = storage.container.trim() || "CONTAINER";
  const commands = [`az storage container-rm create --storage-account ${account} --name ${container}`];
  if (type !== "sas" && type !== "connection_string") {
    commands.push(
      "az role assignment create --role 'Storage Blob Data Contributor' --assignee-principal-type ServicePrincipal" +
        ` --assignee-object-id $(az ad sp show --id ${client.trim() || "CLIENT_ID"} --query id --output tsv)` +
        ` --scope "$(az storage account show --name ${account} --query id --output tsv)/blobServices/default/containers/${container}"`,
    );
  }
  return commands;
}

interface ContainerProps {
  value: Storage;
  onChange: (value: Storage) => void;
  errors: Errors;
  credentials: Credentials;
  /** The addresses of the exporter for the firewall of the account; null if they are not known. */
  addresses: string[] | null;
}

export function ContainerFields({ value, onChange, errors, credentials, addresses }: ContainerProps) {
  const set = (changes: Partial<Storage>): void => onChange({ ...value, ...changes });
  const account = accountOf(value);
  return (
    <>
      <Field
        label="Account URL"
        name="storage.account_url"
        value={value.account_url}
        errors={errors}
        optional={credentials.type === "connection_string"}
        placeholder="https://acme.blob.core.windows.net"
        hint={credentials.type === "connection_string" && "The connection string names it."}
        onChange={(account_url) => set({ account_url })}
      />
      <Field
        label="Container"
        name="storage.container"
        value={value.container}
        errors={errors}
        placeholder="raw"
        onChange={(container) => set({ container })}
      />
      <Field
        label="Prefix"
        name="storage.prefix"
        value={value.prefix}
        errors={errors}
        optional
        placeholder="exports/amplitude"
        hint="Folders in front of all names. No two destinations may write the same names."
        onChange={(prefix) => set({ prefix })}
      />
      <Commands title="What the customer runs for it" of={containerCommands(value, credentials)}>
        {credentials.type !== "sas" && credentials.type !== "connection_string" && (
          <p class="quiet">A new role takes some minutes, sometimes half an hour, to become effective.</p>
        )}
      </Commands>
      {addresses !== null && (
        <Commands
          title="If the account allows selected networks only"
          of={addresses.map((each) => `az storage account network-rule add --account-name ${account} --resource-group GROUP --ip-address ${each}`)}
        >
          <p class="quiet">The exporter calls from these addresses.</p>
        </Commands>
      )}
    </>
  );
}

interface OutputProps {
  value: Output;
  onChange: (value: Output) => void;
  errors: Errors;
}

export function OutputFields({ value, onChange, errors }: OutputProps) {
  const set = (changes: Partial<Output>): void => onChange({ ...value, ...changes });
  return (
    <div class="field-grid">
      <Choice
        label="Folders"
        value={value.path_layout}
        choices={[
          ["flat", "none"],
          ["by_project", "one for each project"],
          ["hive", "project, date and hour (Hive)"],
        ]}
        onChange={(path_layout) => set({ path_layout })}
      />
      <Choice
        label="Number of a part"
        value={value.name_style}
        choices={[
          ["amplitude", "after # (as Amplitude)"],
          ["safe", "after _ (safe in URLs)"],
        ]}
        onChange={(name_style) => set({ name_style })}
      />
      <Choice
        label="Times"
        value={value.timestamp_format}
        choices={[
          ["iso8601", "2026-01-31T17:05:18.557597Z"],
          ["amplitude", "2026-01-31 17:05:18.557597"],
        ]}
        onChange={(timestamp_format) => set({ timestamp_format })}
      />
      <Choice
        label="Keys that are not in the schema"
        value={value.extra_keys}
        choices={[
          ["drop", "are left out"],
          ["keep", "are exported after the others"],
        ]}
        onChange={(extra_keys) => set({ extra_keys })}
      />
      <Choice
        label="Compression"
        value={value.compression}
        choices={[
          ["balanced", "balanced"],
          ["fast", "fast: files 25 % larger"],
          ["small", "small: more processor time"],
        ]}
        onChange={(compression) => set({ compression })}
      />
      <Field
        label="Largest part, MiB"
        name="output.max_part_mib"
        type="number"
        min="1"
        value={String(value.max_part_mib)}
        errors={errors}
        onChange={(typed) => set({ max_part_mib: Number(typed) })}
      />
      <label class="check whole">
        <input
          type="checkbox"
          checked={value.completion_marker}
          onChange={(event) => set({ completion_marker: event.currentTarget.checked })}
        />
        Write a completion marker after the files of an hour
      </label>
    </div>
  );
}
