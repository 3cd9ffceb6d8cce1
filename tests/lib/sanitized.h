/* Whether this program, and with it the jobbad that it starts, is built with a sanitizer that keeps
 * freed memory: then what a process holds says nothing about what it uses. */
#pragma once

#include <stdbool.h>

#ifndef __has_feature /* clang's */
#define __has_feature(feature) 0
#endif

static inline bool is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return true;
#else
    return false;
#endif
}
