#include "core/script_args.h"

#include "core/redis_command.h"

void script_args_add(struct script_args *args, struct text text)
{
    redis_arg(&args->bytes, text);
    args->n++;
}

void script_args_add_str(struct script_args *args, const char *string)
{
    script_args_add(args, text_of(string));
}

void script_args_add_u64(struct script_args *args, uint64_t number)
{
    redis_arg_u64(&args->bytes, number);
    args->n++;
}

void script_args_add_set(struct script_args *args, const struct clause *clause, size_t value)
{
    redis_arg_join(&args->bytes, clause->index, clause->values[value]);
    args->n++;
}

void script_args_add_values(struct script_args *args, const struct clause *clause)
{
    script_args_add_u64(args, clause->n_values);
    for (size_t i = 0; i < clause->n_values; i++)
        script_args_add(args, clause->values[i]);
}

/* Up to so many sets are looked into; with more values it is cheaper to read the hash. */
enum { SETS_MOST = 8 };

static bool is_told_by_sets(const struct clause *clause)
{
    return clause->n_values <= SETS_MOST;
}

static void add_sets_check(struct script_args *args, const struct clause *clause)
{
    script_args_add_str(args, "sets");
    script_args_add_u64(args, clause->n_values);
    for (size_t i = 0; i < clause->n_values; i++)
        script_args_add_set(args, clause, i);
}

/* That the hash has one of the values where the index says: "job_name:", "job_arg:". */
static void add_values_check(struct script_args *args, const struct clause *clause)
{
    if (clause_is_exclusive(clause)) {
        script_args_add_str(args, "field");
        script_args_add(args, (struct text){ clause->index.at, clause->index.len - 1 });
    } else {
        script_args_add_str(args, "args");
    }
    script_args_add_values(args, clause);
}

void script_args_add_index_check(struct script_args *args, const struct clause *clause)
{
    switch (clause->kind) {
    case CLAUSE_SETS:
        if (is_told_by_sets(clause))
            add_sets_check(args, clause);
        else
            add_values_check(args, clause);
        break;
    case CLAUSE_ARG:
        if (is_told_by_sets(clause))
            add_sets_check(args, clause);
        break;
    case CLAUSE_RANGE:
        script_args_add_str(args, "range");
        script_args_add_str(args, status_field_name(clause->field));
        script_args_add_u64(args, clause->min);
        script_args_add_u64(args, clause->max);
        break;
    case CLAUSE_IDS:
        script_args_add_str(args, "ids");
        script_args_add_values(args, clause);
        break;
    case CLAUSE_KILL:
    case CLAUSE_KIND_COUNT:
        break;
    }
}
void script_args_add_hash_check(struct script_args *args, const struct clause *clause)
{
    if (clause->kind == CLAUSE_KILL) {
        script_args_add_str(args, "kill");
        script_args_add_u64(args, clause->wanted);
    } else if (clause->kind == CLAUSE_ARG) {
        script_args_add_str(args, "arg");
        script_args_add(args, clause->name);
        script_args_add_values(args, clause);
    }
}

unsigned script_args_check_cost(const struct clause *clause)
{
    enum { READ_FIELD = 2, READ_ARGS = 4 };
    unsigned by_sets = is_told_by_sets(clause) ? (unsigned)clause->n_values : 0;

    switch (clause->kind) {
    case CLAUSE_SETS:
        if (is_told_by_sets(clause))
            return by_sets;
        return clause_is_exclusive(clause) ? READ_FIELD : READ_ARGS;
    case CLAUSE_ARG:
        return by_sets + READ_ARGS;
    case CLAUSE_RANGE:
    case CLAUSE_IDS:
        return 1;
    case CLAUSE_KILL:
        return READ_FIELD;
    case CLAUSE_KIND_COUNT:
        break;
    }
    return 0;
}

void script_args_finish(struct script_args *args, struct buf *out, enum redis_script_id script,
                        struct text prefix, bool with_source)
{
    redis_script_command(out, script, with_source, args->n);
    redis_arg(out, prefix);
    buf_add_text(out, buf_text(&args->bytes));
    buf_finish(&args->bytes);
    args->n = 0;
}
