/* Many statuses at once, as the service would have stored them: for tests of many statuses. */
#pragma once

#include "tests/lib/service.h"

/*
 * Makes the statuses PREFIX0, PREFIX1, ... in this state, recorded a second apart, the last one
 * `age` seconds ago; each with a job_name "filler", an argument "n" with a value out of ten, and a
 * provider_job_id of its own.
 */
void fill(struct service *service, const char *prefix, const char *state, int count, int age);
