/* A reader of server-sent events, on a socket of its own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sse;

struct sse_event {
    char name[32]; /* "": just an id, or a comment */
    char *data;    /* "": none */
    char id[32];   /* "": none in this block */
    bool is_comment;
};

/* GET `target` with further header lines ("Name: value\r\n"...), or "". */
struct sse *sse_open(unsigned short port, const char *target, const char *headers);
void sse_close(struct sse *sse);

/* Waits for the head of the answer; its status, 0: closed, -1: nothing in time. */
int sse_status(struct sse *sse);
/* The head, once it is there. */
const char *sse_head(const struct sse *sse);
/* The body of an answer that is none of events. */
const char *sse_body(struct sse *sse);

/* The next block, comments and ids too; NULL: none within `ms`, or the stream has ended. The event
 * is the reader's, until the next call. */
const struct sse_event *sse_next_block(struct sse *sse, int ms);
/* The next event, whatever comments and ids come before. */
const struct sse_event *sse_next(struct sse *sse, int ms);

/* The last id that came, "" for none. */
const char *sse_last_id(const struct sse *sse);

/* Whether it ends within `ms`: 1 as it should, with the last chunk; -1 cut off; 0 not. */
int sse_ends(struct sse *sse, int ms);

/* So small a buffer that little is on its way when it is not read. Before anything is read. */
int sse_fd(const struct sse *sse);
