/* The fields of a status' hash in Redis: every value is JSON text (layout.md). */
#pragma once

#include "core/text.h"

#include <stdbool.h>
#include <stdint.h>

enum status_field {
    FIELD_ID,
    FIELD_STATE,
    FIELD_PROGRESS,
    FIELD_ERRORS,
    FIELD_DATA,
    FIELD_JOB_NAME,
    FIELD_JOB_ARGS,
    FIELD_PROVIDER_JOB_ID,
    FIELD_ATTEMPT,
    FIELD_RECORDED_AT,
    FIELD_QUEUED_AT,
    FIELD_STARTED_AT,
    FIELD_SUCCEEDED_AT,
    FIELD_FAILED_AT,
    FIELD_KILLED_AT,
    FIELD_KILL_REQUESTED_AT,
    FIELD_UPDATED_AT,
    FIELD_REV,
    FIELD_COUNT,
    FIELD_NONE = FIELD_COUNT
};

/* A set of fields: bit N is field N. */
#define FIELD_BIT(field) (UINT32_C(1) << (field))
#define FIELDS_ALL       (FIELD_BIT(FIELD_COUNT) - 1)

const char *status_field_name(enum status_field field);

/* FIELD_NONE when there is no such field. */
enum status_field status_field_of_name(struct text name);

/* Whether the field is a timestamp that has a sorted set of its own. */
bool status_field_is_indexed_time(enum status_field field);
