import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { CommitId, JobId, TenantId } from "../../contract/ids.ts";
import type { AppendOutcome, Effects, EventLog, StoredCommit } from "../../core/ports.ts";
import type { GroupCommit } from "./group-commit.ts";
import type { SqliteJobIndex } from "./sqlite-job-index.ts";
import type { Enqueued, TopicRouter } from "./topic-router.ts";

interface Row {
  readonly job_id: string;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly tenant: string;
  readonly commit_id: string;
  readonly deploy_seq: number;
  readonly time: string;
  readonly body: string;
}

/** Logs as rows, written one behind the other; the unique key is the condition of the append. Commit and effects are one transaction. */
export class SqliteEventLog implements EventLog {
  readonly #group: GroupCommit;
  readonly #index: SqliteJobIndex;
  readonly #router: TopicRouter;
  readonly #insert: StatementSync;
  readonly #select: StatementSync;
  readonly #tail: StatementSync;

  constructor(db: DatabaseSync, group: GroupCommit, index: SqliteJobIndex, router: TopicRouter) {
    this.#group = group;
    this.#index = index;
    this.#router = router;
    this.#insert = db.prepare(
      `INSERT INTO commits (job_id, first_seq, last_seq, tenant, commit_id, deploy_seq, time, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (job_id, first_seq) DO NOTHING`,
    );
    this.#select = db.prepare("SELECT * FROM commits WHERE job_id = ? AND first_seq > ? ORDER BY first_seq LIMIT ?");
    this.#tail = db.prepare("SELECT * FROM commits WHERE job_id = ? ORDER BY first_seq DESC LIMIT ?");
  }

  async append(commit: StoredCommit, effects: Effects = {}): Promise<AppendOutcome> {
    const enqueued = await this.#group.run(() => this.#write(commit, effects));
    if (enqueued === undefined) return "conflict";
    this.#router.enqueued(enqueued);
    return "appended";
  }

  async read(jobId: JobId, afterSeq = 0, limit = -1): Promise<readonly StoredCommit[]> {
    return (this.#select.all(jobId, afterSeq, limit) as unknown as Row[]).map(commitOf);
  }

  async tail(jobId: JobId, limit: number): Promise<readonly StoredCommit[]> {
    return (this.#tail.all(jobId, limit) as unknown as Row[]).reverse().map(commitOf);
  }

  #write(commit: StoredCommit, { head, headChange, messages }: Effects): Enqueued[] | undefined {
    const { jobId, firstSeq, lastSeq, tenant, commitId, deploySeq, time, body } = commit;
    const { changes } = this.#insert.run(jobId, firstSeq, lastSeq, tenant, commitId, deploySeq, time, body);
    if (changes === 0) return undefined;
    if (head) this.#index.write(head);
    if (headChange) this.#index.writeChange(jobId, headChange);
    return messages ? this.#router.write(messages, commitId) : [];
  }
}

const commitOf = (row: Row): StoredCommit => ({
  jobId: row.job_id as JobId,
  tenant: row.tenant as TenantId,
  firstSeq: row.first_seq,
  lastSeq: row.last_seq,
  commitId: row.commit_id as CommitId,
  deploySeq: row.deploy_seq,
  time: row.time,
  body: row.body,
});
