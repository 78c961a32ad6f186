import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { JobId, TenantId } from "../../contract/ids.ts";
import { cursorAfter, placeOf } from "../../core/list-cursor.ts";
import type { Head, HeadChange, JobIndex, ListQuery } from "../../core/ports.ts";
import { type JobStatus, TERMINAL_STATUSES } from "../../core/state.ts";
import type { GroupCommit } from "./group-commit.ts";

interface Row {
  readonly job_id: string;
  readonly tenant: string;
  readonly workflow: string;
  readonly status: string;
  readonly created_at: string;
  readonly wake_at: number | null;
  readonly expires: number;
}

const IS_OPEN = `status NOT IN (${TERMINAL_STATUSES.map((status) => `'${status}'`).join(", ")})`;

export class SqliteJobIndex implements JobIndex {
  readonly #group: GroupCommit;
  readonly #insert: StatementSync;
  readonly #change: StatementSync;
  readonly #list: StatementSync;
  readonly #due: StatementSync;
  readonly #db: DatabaseSync;
  #countRunning: StatementSync | undefined;

  constructor(db: DatabaseSync, group: GroupCommit) {
    this.#db = db;
    this.#group = group;
    this.#insert = db.prepare(
      `INSERT INTO jobs (job_id, tenant, workflow, status, created_at, wake_at, expires)
       VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (job_id) DO NOTHING`,
    );
    this.#change = db.prepare(
      `UPDATE jobs SET status = coalesce(?, status), wake_at = CASE WHEN ? THEN ? ELSE wake_at END
       WHERE job_id = ? AND ${IS_OPEN}`,
    );
    this.#list = db.prepare(
      `SELECT * FROM jobs WHERE tenant = :tenant AND (:status IS NULL OR status = :status)
         AND (:workflow IS NULL OR workflow = :workflow) AND (created_at, job_id) < (:created, :job)
       ORDER BY created_at DESC, job_id DESC LIMIT :limit`,
    );
    this.#due = db.prepare("SELECT * FROM jobs WHERE wake_at <= ? ORDER BY wake_at LIMIT ?");
  }

  async list(query: ListQuery): Promise<{ jobs: Head[]; cursor: string | undefined }> {
    const { createdAt, jobId } = query.cursor === undefined ? { createdAt: "9999", jobId: "" } : placeOf(query.cursor);
    const rows = this.#list.all({
      tenant: query.tenant,
      status: query.status ?? null,
      workflow: query.workflow ?? null,
      created: createdAt,
      job: jobId,
      limit: query.limit + 1,
    }) as unknown as Row[];
    const jobs = rows.slice(0, query.limit).map(headOf);
    const last = jobs.at(-1);
    const more = rows.length > query.limit && last !== undefined;
    return { jobs, cursor: more ? cursorAfter(last) : undefined };
  }

  async due(nowMs: number, limit: number): Promise<Head[]> {
    return (this.#due.all(nowMs, limit) as unknown as Row[]).map(headOf);
  }

  async countRunning(tenant: TenantId, most: number): Promise<number> {
    this.#countRunning ??= this.#prepareCount();
    return (this.#countRunning.get(tenant, most) as { n: number }).n;
  }

  async change(jobId: JobId, change: HeadChange): Promise<void> {
    await this.#group.run(() => this.writeChange(jobId, change));
  }

  /** Who never counts writes no index for it. */
  #prepareCount(): StatementSync {
    this.#db.exec("CREATE INDEX IF NOT EXISTS jobs_running ON jobs (tenant) WHERE status = 'running'");
    return this.#db.prepare(
      `SELECT count(*) AS n
       FROM (SELECT 1 FROM jobs INDEXED BY jobs_running WHERE tenant = ? AND status = 'running' LIMIT ?)`,
    );
  }

  /** Inside a transaction of the group's. */
  write(head: Head): void {
    const { jobId, tenant, workflow, status, createdAt, wakeAtMs, expiresMs } = head;
    this.#insert.run(jobId, tenant, workflow, status, createdAt, wakeAtMs ?? null, expiresMs);
  }

  /** Inside a transaction of the group's. */
  writeChange(jobId: JobId, { status, wakeAtMs }: HeadChange): void {
    this.#change.run(status ?? null, wakeAtMs === undefined ? 0 : 1, wakeAtMs ?? null, jobId);
  }
}

const headOf = (row: Row): Head => ({
  jobId: row.job_id as JobId,
  tenant: row.tenant as TenantId,
  workflow: row.workflow,
  status: row.status as JobStatus,
  createdAt: row.created_at,
  wakeAtMs: row.wake_at ?? undefined,
  expiresMs: row.expires,
});
