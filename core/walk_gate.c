#include "core/walk_gate.h"

enum { IN_MOST = 4 };

void walk_gate_init(struct walk_gate *gate)
{
    *gate = (struct walk_gate){ 0 };
    list_init(&gate->waiting);
}

bool walk_gate_enter(struct walk_gate *gate, struct walk_pass *pass,
                     void (*let_in)(struct walk_pass *pass))
{
    *pass = (struct walk_pass){ .gate = gate, .let_in = let_in };
    list_init(&pass->link);
    pass->is_in = gate->n_in < IN_MOST;
    if (pass->is_in)
        gate->n_in++;
    else
        list_add_tail(&gate->waiting, &pass->link);
    return pass->is_in;
}

/* One that is let in may leave at once: then this goes on, and not deeper. */
static void let_in(struct walk_gate *gate)
{
    if (gate->is_letting_in)
        return;
    gate->is_letting_in = true;
    while (gate->n_in < IN_MOST && !list_empty(&gate->waiting)) {
        struct walk_pass *pass = container_of(gate->waiting.next, struct walk_pass, link);
        list_remove(&pass->link);
        pass->is_in = true;
        gate->n_in++;
        pass->let_in(pass);
    }
    gate->is_letting_in = false;
}

void walk_gate_leave(struct walk_pass *pass)
{
    struct walk_gate *gate = pass->gate;

    if (!gate)
        return;
    pass->gate = NULL;
    list_remove(&pass->link);
    if (!pass->is_in)
        return;
    pass->is_in = false;
    gate->n_in--;
    let_in(gate);
}
