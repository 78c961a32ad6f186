#!/usr/bin/env node
import { parseArgs } from "node:util";
import { isTenantId, TENANT_ID_SHAPE } from "../src/contract/ids.ts";
import { secretsClient } from "../src/engines/aws/aws-clients.ts";
import { endWith, parseOrExplain } from "./command-line.ts";
import { KeySecret } from "./key-secret.ts";
import { readOutputs, UsageError } from "./read-outputs.ts";

/**
 * `npm run key -- --outputs FILE`: makes a key for a tenant of a deployed instance and prints it, alone on standard
 * output, this once. What is kept is its SHA-256.
 */
const USAGE = `Usage: npm run key -- --outputs FILE [--instance ID] [--tenant NAME | --list | --revoke HASHPREFIX]
       npx sluice-key …   where the package is installed

  --outputs FILE        what \`cdk deploy --outputs-file FILE\` wrote
  --instance ID         which instance, where the file has several
  --tenant NAME         whom the new key stands for (default "default")
  --list                shows tenants and the hashes of their keys
  --revoke HASHPREFIX   takes out one key, by 8 or more characters of its hash`;

/** How many characters of a hash a person is shown and must give. */
const PREFIX = 8;

async function main(): Promise<void> {
  const { outputs: file, instance, tenant = "default", list, revoke, help } = flags();
  if (help) return console.log(USAGE);
  if (file === undefined) throw new UsageError(`--outputs FILE is missing\n\n${USAGE}`);
  if (!isTenantId(tenant)) throw new UsageError(`--tenant must be ${TENANT_ID_SHAPE}; got ${JSON.stringify(tenant)}`);
  if (revoke !== undefined && !/^[0-9a-f]{8,64}$/.test(revoke)) {
    throw new UsageError(
      `--revoke takes ${PREFIX} to 64 characters of a hash, 0-9 and a-f, as --list shows them; got ${JSON.stringify(revoke)}`,
    );
  }
  const { KeysSecretArn, Region } = readOutputs(file, instance);
  const secret = new KeySecret(secretsClient({ region: Region }), KeysSecretArn);
  if (list) {
    const entries = await secret.entries();
    for (const { sha256, tenant: of } of entries) console.log(`${sha256.slice(0, 2 * PREFIX)}  ${of}`);
    console.error(`${entries.length} keys`);
  } else if (revoke !== undefined) {
    const { sha256, tenant: of } = await secret.revoke(revoke);
    console.error(`revoked ${sha256.slice(0, 2 * PREFIX)} of tenant ${of}; it is refused within minutes`);
  } else {
    const key = await secret.add(tenant);
    console.error(`A key of tenant ${tenant}, valid within seconds. It is shown this once and kept nowhere:`);
    console.log(key);
  }
}

function flags() {
  const options = {
    outputs: { type: "string" },
    instance: { type: "string" },
    tenant: { type: "string" },
    list: { type: "boolean" },
    revoke: { type: "string" },
    help: { type: "boolean" },
  } as const;
  const { values } = parseOrExplain(() => parseArgs({ options }), USAGE);
  const actions = [values.tenant, values.list, values.revoke].filter((value) => value !== undefined);
  if (actions.length > 1) throw new UsageError(`give one of --tenant, --list, --revoke\n\n${USAGE}`);
  return values;
}

main().catch(endWith);
