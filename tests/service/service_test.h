/* What each program of service tests includes, and how its tests are listed. */
#pragma once

#include "tests/lib/expect.h"
#include "tests/lib/until.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A test that begins without keys. */
#define FRESH(test) cmocka_unit_test_setup(test, service_fresh)
/* The last of a program. */
#define ENDS_CLEANLY cmocka_unit_test(service_ends_cleanly)
