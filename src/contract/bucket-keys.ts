/** Below this, everything of jobs in an instance's bucket; the bucket deletes it when no job can need it any more. */
export const JOBS_PREFIX = "jobs/";
/** The index of the documents, as `npm run corpus -- push` puts it there. */
export const CORPUS_KEY = "corpus/index";
