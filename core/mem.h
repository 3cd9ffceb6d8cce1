/*
 * Allocation that cannot fail. jobbad is crash-only where memory is concerned: on Linux a failed
 * small allocation means that the process is about to be killed anyway, and what was acknowledged
 * is in Redis. So these log and abort, and their callers need no error path that nobody could test.
 */
#pragma once

#include <stddef.h>

void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *old, size_t size) __attribute__((returns_nonnull));
char *mem_strdup(const char *text) __attribute__((malloc, returns_nonnull));
char *mem_strndup(const char *text, size_t len) __attribute__((malloc, returns_nonnull));
