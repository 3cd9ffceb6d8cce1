/*
 * Keeps each exchange of the HTTP client as a line of JSON in the directory of the variable
 * JOBBAD_RECORD_DIR (none: nothing is kept), in a file for each program, for
 * tests/contract/answers.mjs: method, path, query, request_headers, request_body, status, headers,
 * body; names of headers in lower case.
 */
#pragma once

#include <stddef.h>

struct answer;

/* `headers`: "Name: value" up to a NULL, or NULL. What is no UTF-8 can't be recorded. */
void record_exchange(const char *method, const char *target, const char *body, size_t len,
                     const char *const *headers, const struct answer *answer);
