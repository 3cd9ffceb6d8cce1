/*
 * Arguments of the scripts that look at many statuses: counted as they are added, as a command
 * says how many it has before it says which. Zeroed memory is empty.
 */
#pragma once

#include "core/buf.h"
#include "core/clause.h"
#include "core/redis_script.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct script_args {
    struct buf bytes;
    size_t n;
};

void script_args_add(struct script_args *args, struct text text);
void script_args_add_str(struct script_args *args, const char *string);
void script_args_add_u64(struct script_args *args, uint64_t number);

/* The name of the set of one of the clause's values. */
void script_args_add_set(struct script_args *args, const struct clause *clause, size_t value);
/* How many, and the values. */
void script_args_add_values(struct script_args *args, const struct clause *clause);

/*
 * What the indexes tell of a clause, as a check of clauses.lua; nothing if they tell nothing. Of
 * many values the hash tells it, at the same cost for any number.
 */
void script_args_add_index_check(struct script_args *args, const struct clause *clause);
/* What only the hash tells: each such check costs a read of it, so they come last. */
void script_args_add_hash_check(struct script_args *args, const struct clause *clause);
/* What the checks of a clause cost, at most, for a candidate: in looks into a set. */
unsigned script_args_check_cost(const struct clause *clause);

/* Appends the command that runs the script: its one key is the prefix. Empties the arguments. */
void script_args_finish(struct script_args *args, struct buf *out, enum redis_script_id script,
                        struct text prefix, bool with_source);
