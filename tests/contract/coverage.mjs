// Which documented answers and problems the service tests must have met, and why not all of them.

import { operations, problems } from "./document.mjs";

/** Answers that are documented but not asked for: [operations, statuses, why]. */
const EXCEPTIONS = [
  [/^(createStatus|findOrCreateStatus)$/, /^404$/, "needs a delete within the same microseconds"],
  [/Live|Openapi|Version|Dashboard|ProgressElement|runBatch/, /^503$/, "only when there are too many connections, before any route"],
  [/^watchEvents$/, /^200$/, "never ends: seen on raw sockets, where nothing is recorded"],
  [/^head(?!Status$)/, /^[45]/, "HEAD runs the row of GET: headStatus stands for all"],
  [/./, /^default$/, "what any request can get: see the types of problems"],
];

const PROBLEM_EXCEPTIONS = {
  "/problems/internal": "a bug",
  "/problems/request-timeout": "seen only on a raw socket, where nothing is recorded",
  "/problems/version-not-supported": "seen only on a raw socket, where nothing is recorded",
};

const isException = (id, status) =>
  EXCEPTIONS.some(([ids, statuses]) => ids.test(id) && statuses.test(status));

export const answersOf = (operation) => Object.keys(operation.responses);

/** [[operation, the answers of it that are missing among `seen` ("getStatus 200", ...)], ...] */
export const missingAnswers = (seen) =>
  operations.map((operation) => [
    operation.id,
    answersOf(operation).filter(
      (status) => !seen.has(`${operation.id} ${status}`) && !isException(operation.id, status),
    ),
  ]);

/** The types of problems that are missing among `seen`. */
export const missingProblems = (seen) =>
  Object.keys(problems).filter((type) => !seen.has(type) && !(type in PROBLEM_EXCEPTIONS));
