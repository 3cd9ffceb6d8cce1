#include "core/gate.h"

void gate_init(struct gate *gate, unsigned most)
{
    *gate = (struct gate){ .most = most };
    list_init(&gate->waiting);
}

bool gate_enter(struct gate *gate, struct gate_pass *pass, void (*let_in)(struct gate_pass *pass))
{
    *pass = (struct gate_pass){ .gate = gate, .let_in = let_in };
    list_init(&pass->link);
    pass->is_in = gate->n_in < gate->most;
    if (pass->is_in)
        gate->n_in++;
    else
        list_add_tail(&gate->waiting, &pass->link);
    return pass->is_in;
}

/* One that is let in may leave at once: then this goes on, and not deeper. */
static void let_in(struct gate *gate)
{
    if (gate->is_letting_in)
        return;
    gate->is_letting_in = true;
    while (gate->n_in < gate->most && !list_empty(&gate->waiting)) {
        struct gate_pass *pass = container_of(gate->waiting.next, struct gate_pass, link);
        list_remove(&pass->link);
        pass->is_in = true;
        gate->n_in++;
        pass->let_in(pass);
    }
    gate->is_letting_in = false;
}

void gate_leave(struct gate_pass *pass)
{
    struct gate *gate = pass->gate;

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
