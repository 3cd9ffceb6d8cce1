/*
 * A batch: up to OPERATIONS_MAX operations on single statuses in one request. Each runs as the
 * request that it describes would, through the same routes and checks, and has an answer of its
 * own.
 *
 * So many at a time as there are slots, in one write to Redis for each turn of the worker; those on
 * the same status one after another, in their order. And a few batches at a time: the others wait.
 *
 *   slot: FREE -> WAITING (for an earlier one on the same status) -> RUNNING -> ANSWERED -> FREE
 */
#pragma once

#include "api/operation.h"
#include "api/request.h"

struct batch;

/* NULL: the request has been answered, with what is wrong with its body. */
struct batch *batch_create(struct api_request *request);
void batch_destroy(struct batch *batch); /* NULL is fine */

/* Runs it; request->answered() is called once, maybe before this returns. */
void batch_run(struct batch *batch);
