/*
 * Every index agrees with the hashes, in both directions: what each hash calls for is in the
 * indexes, and nothing else is (docs/redis-layout.md). Of archived attempts: they are in no index,
 * and none is missing.
 */
#pragma once

#include <hiredis/hiredis.h>
#include <stddef.h>

/* Fails the test with the first difference; returns the number of statuses. `prefix`: "jobba:". */
size_t invariants_check(redisContext *redis, const char *prefix);
