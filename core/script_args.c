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

void script_args_add_sets(struct script_args *args, const struct clause *clause, size_t n)
{
    script_args_add_u64(args, n);
    for (size_t i = 0; i < n; i++)
        script_args_add_set(args, clause, i);
}

void script_args_add_values(struct script_args *args, const struct clause *clause)
{
    script_args_add_u64(args, clause->n_values);
    for (size_t i = 0; i < clause->n_values; i++)
        script_args_add(args, clause->values[i]);
}

void script_args_add_index_check(struct script_args *args, const struct clause *clause)
{
    switch (clause->kind) {
    case CLAUSE_SETS:
    case CLAUSE_ARG:
        script_args_add_str(args, "sets");
        script_args_add_sets(args, clause, clause->n_values);
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

void script_args_finish(struct script_args *args, struct buf *out, enum redis_script_id script,
                        struct text prefix, bool with_source)
{
    redis_script_command(out, script, with_source, args->n);
    redis_arg(out, prefix);
    buf_add_text(out, buf_text(&args->bytes));
    buf_finish(&args->bytes);
    args->n = 0;
}
