/* An intrusive, circular, doubly linked list. A node that is in no list points at itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

/* The struct that holds `node` as its member `member`. */
#define container_of(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
    list->prev = list->next = list;
}

static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

static inline void list_add_tail(struct list *list, struct list *node)
{
    node->prev = list->prev;
    node->next = list;
    list->prev->next = node;
    list->prev = node;
}

/* Safe on a node that is in no list. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Moves all nodes of `from` to the empty list `to`, so that callbacks may add to `from` meanwhile.
 */
static inline void list_take_all(struct list *from, struct list *to)
{
    list_init(to);
    if (list_empty(from))
        return;
    *to = *from;
    to->next->prev = to;
    to->prev->next = to;
    list_init(from);
}

/*
 * Moves the first node of `from` to the end of `to`, and returns it; NULL: `from` is empty. So a
 * walk over what list_take_all() took gives each node back before a callback may remove it.
 */
static inline struct list *list_move_first(struct list *from, struct list *to)
{
    struct list *node = from->next;

    if (list_empty(from))
        return NULL;
    list_remove(node);
    list_add_tail(to, node);
    return node;
}
