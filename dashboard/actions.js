// Request kill and delete, of one status or of all that match; each asks first.

import { ask, Problem, statusPath } from "./api.js";
import { confirm } from "./dialog.js";
import { toast } from "./dom.js";
import { plural } from "./format.js";

/** Isolated (FSI ... PDI): a name can't turn the direction of the text around it. */
const nameOf = (status) => `\u2068${status.job_name ?? "unnamed"}\u2069 (${status.id})`;

/** Resolves to the status as it then is, or null when nothing was done. */
export async function killOne(status) {
    const text = status.completed
        ? `${nameOf(status)} is over already: the request will be noted, and nothing else.`
        : `${nameOf(status)} is asked to end. The job itself decides when it looks.`;
    const result = await confirm({
        title: "Request kill",
        look: async () => ({ text, action: "Request kill" }),
        act: () => ask("POST", statusPath(status.id, "/request_kill")),
    });
    if (result) toast("Kill requested.");
    return result;
}

/** Resolves to true when it is deleted. */
export async function deleteOne(status) {
    const look = async () => {
        const now = await ask("GET", statusPath(status.id), [["fields", "state,completed,attempt"]]);
        const attempts = now.attempt ? `, with ${plural(now.attempt, "earlier attempt")}` : "";
        return {
            text: `${nameOf(status)} is ${now.state}. It is deleted for good${attempts}.`,
            action: "Delete",
            force: now.completed ? null : `Delete it although it has neither succeeded nor failed`,
        };
    };
    const act = async ({ forced }) => {
        await ask("DELETE", statusPath(status.id), forced ? [["force", "true"]] : []);
        return true;
    };
    const result = await confirm({ title: "Delete this status", look, act });
    if (result) toast("Deleted.");
    return result === true;
}

/** A change of many needs a filter, or says that it means all. */
const selection = (filters) => (filters.length ? filters : [["all", "true"]]);
const whatMatches = (filters) =>
    filters.length ? "that match the filter" : "that there are, as no filter is set";

async function matched(method, path, filters, further = []) {
    const answer = await ask(method, path, [...selection(filters), ["dry_run", "true"], ...further]);
    return answer.matched;
}

export async function killMatching(filters) {
    const look = async () => {
        const n = await matched("POST", "statuses:request_kill", filters);
        if (!n) return { text: "No status matches.", nothing: true };
        return {
            n,
            text: `Asks the jobs of all ${plural(n, "status", "statuses")} ${whatMatches(filters)} to end.`,
            action: `Request ${plural(n, "kill")}`,
        };
    };
    const act = ({ n }) => ask("POST", "statuses:request_kill", [...selection(filters), ["max", String(n)]]);
    const result = await confirm({ title: "Request kill of all", look, act });
    if (result) toast(`${plural(result.kill_requested, "kill")} requested.`);
    return result;
}

/** Whether all that match are completed: null, or the service's words on those that are not. */
async function objection(filters) {
    try {
        await matched("DELETE", "statuses", filters);
        return null;
    } catch (error) {
        if (error instanceof Problem && error.type === "not-completed") return error.message.split(". ")[0];
        throw error;
    }
}

export async function deleteMatching(filters) {
    const look = async () => {
        const n = await matched("DELETE", "statuses", filters, [["force", "true"]]);
        if (!n) return { text: "No status matches.", nothing: true };
        const objects = await objection(filters);
        return {
            n,
            text: `Deletes all ${plural(n, "status", "statuses")} ${whatMatches(filters)}, for good.${objects ? ` ${objects}.` : ""}`,
            action: `Delete ${plural(n, "status", "statuses")}`,
            force: objects && "Delete also those that have neither succeeded nor failed",
        };
    };
    const act = ({ n, forced }) =>
        ask("DELETE", "statuses", [
            ...selection(filters),
            ["max", String(n)],
            ...(forced ? [["force", "true"]] : []),
        ]);
    const result = await confirm({ title: "Delete all", look, act });
    if (result) toast(`${plural(result.deleted, "status", "statuses")} deleted.`);
    return result;
}
