import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { CORPUS_KEY } from "../src/contract/bucket-keys.ts";
import { buildIndex } from "../src/corpus/build-index.ts";
import { CorpusError } from "../src/corpus/corpus-error.ts";
import { s3Client } from "../src/engines/aws/aws-clients.ts";
import { endWith, parseOrExplain } from "./command-line.ts";
import { type InstanceOutputs, readOutputs, UsageError } from "./read-outputs.ts";

/** `npm run corpus -- push DIR --outputs FILE`: what a deployed instance searches from now on. */
const USAGE = `Usage: npm run corpus -- push DIR --outputs FILE [--instance ID]
       npx sluice-corpus …   where the package is installed

  DIR             a folder of .md, .mdx, .txt and .rst files
  --outputs FILE  what \`cdk deploy --outputs-file FILE\` wrote
  --instance ID   which instance, where the file has several`;

/** A function's scratch space is 512 MB, and holds the old index until it has the whole new one. */
const MAX_INDEX_BYTES = 200 * 1024 * 1024;

async function main(): Promise<void> {
  const { values, positionals } = args();
  if (values.help) return console.log(USAGE);
  const [action, dir, ...rest] = positionals;
  if (action !== "push" || dir === undefined || rest.length > 0) {
    throw new UsageError(`push DIR is what can be done; got ${JSON.stringify(positionals.join(" "))}\n\n${USAGE}`);
  }
  if (values.outputs === undefined) throw new UsageError(`--outputs FILE is missing\n\n${USAGE}`);
  const outputs = readOutputs(values.outputs, values.instance);
  const scratch = mkdtempSync(join(tmpdir(), "sluice-corpus-"));
  try {
    const file = join(scratch, "corpus.index");
    const { documents, passages } = buildIndex(dir, file, { portable: true });
    const { bytes, etag } = await push(file, outputs);
    console.log(`${documents} documents, ${passages} passages, ${bytes} bytes, ETag ${etag}`);
    console.error(`sent to s3://${outputs.BucketName}/${CORPUS_KEY}; it is searched within a minute`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function push(file: string, { BucketName, Region }: InstanceOutputs): Promise<{ bytes: number; etag: string }> {
  // Whole in memory, so that a try that failed can be made again.
  const Body = readFileSync(file);
  const bytes = Body.byteLength;
  if (bytes > MAX_INDEX_BYTES) {
    throw new UsageError(
      `the index has ${bytes} bytes; a function has room for ${MAX_INDEX_BYTES}: give fewer documents`,
    );
  }
  const { ETag = "" } = await s3Client({ region: Region, patient: true }).send(
    new PutObjectCommand({ Bucket: BucketName, Key: CORPUS_KEY, Body }),
  );
  return { bytes, etag: ETag };
}

function args() {
  const options = { outputs: { type: "string" }, instance: { type: "string" }, help: { type: "boolean" } } as const;
  return parseOrExplain(() => parseArgs({ options, allowPositionals: true }), USAGE);
}

main().catch((error: Error) => endWith(error, [UsageError, CorpusError]));
