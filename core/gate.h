/*
 * How many may be at a costly thing at a time, in one worker: long walks, as a hundred of them at
 * once would take a hundred times as long each, with all their memory, while a short query waited
 * for a slice of each; batches, as together they would leave no room for a single report. The
 * others wait in the order in which they came, and each is let in by one that leaves.
 */
#pragma once

#include "core/list.h"

#include <stdbool.h>

struct gate {
    unsigned n_in, most;
    struct list waiting; /* passes */
    bool is_letting_in;
};

/* Of one of them. Zeroed memory is neither in nor waiting. */
struct gate_pass {
    struct list link;
    struct gate *gate; /* NULL: neither in nor waiting */
    bool is_in;
    void (*let_in)(struct gate_pass *pass);
};

/* `most`: how many may be in at a time, 1 or more. */
void gate_init(struct gate *gate, unsigned most);

/* True: it is in. False: let_in() will be called, unless it leaves before. */
bool gate_enter(struct gate *gate, struct gate_pass *pass, void (*let_in)(struct gate_pass *pass));

/* Calls let_in() of those that get in now. Safe on one that is neither in nor waiting. */
void gate_leave(struct gate_pass *pass);
