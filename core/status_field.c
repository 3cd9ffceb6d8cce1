#include "core/status_field.h"

#include <assert.h>

static const char *const names[] = {
    [FIELD_ID] = "id",
    [FIELD_STATE] = "state",
    [FIELD_PROGRESS] = "progress",
    [FIELD_ERRORS] = "errors",
    [FIELD_DATA] = "data",
    [FIELD_JOB_NAME] = "job_name",
    [FIELD_JOB_ARGS] = "job_args",
    [FIELD_PROVIDER_JOB_ID] = "provider_job_id",
    [FIELD_ATTEMPT] = "attempt",
    [FIELD_RECORDED_AT] = "recorded_at",
    [FIELD_QUEUED_AT] = "queued_at",
    [FIELD_STARTED_AT] = "started_at",
    [FIELD_SUCCEEDED_AT] = "succeeded_at",
    [FIELD_FAILED_AT] = "failed_at",
    [FIELD_KILLED_AT] = "killed_at",
    [FIELD_KILL_REQUESTED_AT] = "kill_requested_at",
    [FIELD_UPDATED_AT] = "updated_at",
    [FIELD_REV] = "rev",
};

_Static_assert(sizeof names / sizeof *names == FIELD_COUNT, "a name for each field");

const char *status_field_name(enum status_field field)
{
    assert(field < FIELD_COUNT);
    return names[field];
}

enum status_field status_field_of_name(struct text name)
{
    for (enum status_field field = 0; field < FIELD_COUNT; field++)
        if (text_is(name, names[field]))
            return field;
    return FIELD_NONE;
}

bool status_field_is_indexed_time(enum status_field field)
{
    return field >= FIELD_RECORDED_AT && field <= FIELD_KILLED_AT;
}
