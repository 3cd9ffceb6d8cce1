/*
 * Expectations in one line each. They fail the test with the request and the whole answer in the
 * message, so that nobody has to guess what the service said.
 */
#pragma once

#include "tests/lib/service.h"

#include <stdint.h>

/* One request of the service's client, and the status of its answer. */
const struct answer *expect(struct service *service, int status, const char *method,
                            const char *path, const char *body);
/* The same with one more header, "Name: value". */
const struct answer *expect_with(struct service *service, int status, const char *header,
                                 const char *method, const char *path, const char *body);

/* The answer to be a problem of this type ("not-completed"), blaming `culprit` (NULL: nobody). */
void expect_problem(const struct answer *answer, int status, const char *type, const char *culprit);

/* A member of the answer to be exactly this JSON text, byte for byte. */
void expect_member(const struct answer *answer, const char *name, const char *json);
/* The header to be there with this value; NULL: not to be there. */
void expect_header(const struct answer *answer, const char *name, const char *value);

/* A command's reply, as store() shows it; sets are shown sorted. */
void expect_store(struct service *service, const char *expected, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The JSON text of a member of the answer as it was sent, in a static buffer; "" when there is
 * none. */
const char *answer_raw(const struct answer *answer, const char *name);
/* The same of any text of a JSON object. */
const char *json_member(const char *object, const char *name);

/* Copies a body with each time in it replaced by "T", for comparing; static buffer. */
const char *without_times(const char *body);

/* Microseconds since the epoch of "2026-11-24T03:39:56.123456Z", with or without quotes. */
uint64_t micros_of(const char *time);

/* Whether /health/ready says yes. */
bool service_is_ready(struct service *service);

/* Setup of a test: no keys, Redis as it was started. */
int service_fresh(void **state);

/* The last test of each program: the service ends in good order, and no sanitizer complains. */
void service_ends_cleanly(void **state);
