/* What the handlers of routes for many statuses share. */
#pragma once

#include "api/request.h"

/* Reads the body, if there is one, into the request's listing. False: answered. */
bool many_take_body(struct api_request *request);

/* When a request for many statuses that begins now must have ended. */
uint64_t many_deadline(const struct api_request *request);

/*
 * The query of a list, ready to start but for `each` and `step`. NULL: answered, as parameters
 * don't fit together, or not to the format.
 */
struct query *many_prepare(struct api_request *request, query_done_fn *done);

/* Answers with every match as NDJSON (handle_export.c). */
void many_export(struct api_request *request);

/* The problem of an error of core. */
void many_answer_err(struct api_request *request, enum err err);
