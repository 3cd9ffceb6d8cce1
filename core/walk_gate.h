/*
 * How many long walks a worker may be on at a time. A walk over a million takes a second of Redis,
 * and a hundred of them at once would take a hundred seconds each, with all their memory, while a
 * short query waited for a slice of each. So only a few go on; the others wait in the order in
 * which they came, and each is let in by one that leaves.
 */
#pragma once

#include "core/list.h"

#include <stdbool.h>

struct walk_gate {
    unsigned n_in;
    struct list waiting; /* passes */
    bool is_letting_in;
};

/* Of one walk. Zeroed memory is neither in nor waiting. */
struct walk_pass {
    struct list link;
    struct walk_gate *gate; /* NULL: neither in nor waiting */
    bool is_in;
    void (*let_in)(struct walk_pass *pass);
};

void walk_gate_init(struct walk_gate *gate);

/* True: it is in. False: let_in() will be called, unless it leaves before. */
bool walk_gate_enter(struct walk_gate *gate, struct walk_pass *pass,
                     void (*let_in)(struct walk_pass *pass));

/* Calls let_in() of those that get in now. Safe on one that is neither in nor waiting. */
void walk_gate_leave(struct walk_pass *pass);
